"""``log.plot``: pictures of what an audit log answers. In each module pure functions from an answer to what is drawn, and a thin ``draw``."""

from __future__ import annotations

from kubelab.plot.auditlog.accessor import Plot as Plot
