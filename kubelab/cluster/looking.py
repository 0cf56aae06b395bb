"""The rooms above, by name: what a handle offers for looking (frames, figures, rich display) is loaded when first asked for.

They are named here and not imported, so that the control plane never depends on them: a cluster works without pandas or matplotlib.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

ROOMS = {"frames": ("kubelab.frames", "Frames"), "plot": ("kubelab.plot", "Plot")}
DISPLAY = "kubelab.display"


def room(name: str, cluster: Any) -> Any:
    """The accessor ``frames`` or ``plot`` of a cluster."""
    module, cls = ROOMS[name]
    return getattr(import_module(module), cls)(cluster)


def slis(cluster: Any) -> Any:
    """The service level indicators of a cluster: see ``kubelab.auditlog.slis``."""
    return import_module("kubelab.auditlog.slis").of_cluster(cluster)


def top(cluster: Any, what: str, namespace: str | None, selector: str, **flags: Any) -> str:
    """``kubectl top``."""
    return str(import_module("kubelab.cluster.top").top(cluster, what, namespace, selector, **flags))


def canary(release: Any, ax: Any) -> Any:
    """A release as a picture."""
    return import_module("kubelab.plot.canary").draw(release, ax)


def html_of(shown: Any, now_ns: int) -> str:
    """Anything that the front door hands out, as HTML for a notebook; ages as of ``now_ns``."""
    return str(import_module(DISPLAY).html_of(shown, now_ns))


def progress(start: float, end: float | None) -> Any:
    """A progress bar over virtual seconds; ``end`` None if none is known."""
    return import_module(f"{DISPLAY}.progress").Progress(start, end)


def introduce(types: tuple[type, ...]) -> None:
    """Tell a running notebook how to show values that know nothing of notebooks (plans, answers, errors)."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    if shell is None:
        return
    formatter = shell.display_formatter.formatters["text/html"]
    for cls in types:
        formatter.for_type(cls, _as_html)


def _as_html(shown: Any) -> str:
    return str(import_module(DISPLAY).html_of(shown))
