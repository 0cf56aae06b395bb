"""Plot: pictures of what happened. In each module a pure ``tidy`` (frames in, what is drawn out), a ``finding`` (its title), and a thin ``draw``."""

from __future__ import annotations

from kubelab.plot.accessor import Plot

__all__ = ["Plot"]
