"""Service level indicators: the official objectives, and how each indicator is measured in a log and in a cluster of the lab."""
