"""The audit: a policy (``policy``), what it decides (``checker``), what is kept of a call (``recording``), the events made of it (``event``)."""
