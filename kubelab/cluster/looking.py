"""The rooms above, by name: what a handle offers for looking (frames, figures, rich display) is loaded when first asked for.

They are named here and not imported, so that the control plane never depends on them: a cluster works without pandas or matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

ROOMS = {"frames": ("kubelab.frames", "Frames"), "plot": ("kubelab.plot", "Plot")}
DISPLAY = "kubelab.display"


def room(name: str, cluster: Any) -> Any:
    """The accessor ``frames`` or ``plot`` of a cluster."""
    module, cls = ROOMS[name]
    return getattr(import_module(module), cls)(cluster)


def html_of(shown: Any) -> str:
    """Anything that the front door hands out, as HTML for a notebook."""
    return str(import_module(DISPLAY).html_of(shown))


def progress(start: float, end: float | None) -> Any:
    """A progress bar over virtual seconds; ``end`` None if none is known."""
    return import_module(f"{DISPLAY}.progress").Progress(start, end)
