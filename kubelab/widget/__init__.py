"""Widgets: a cluster in a reader's hand (``rollout``, ``usage``), or an audit log (``policy``, ``audit``). Each is loaded when it is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubelab.widget.audit_view import audit as audit
    from kubelab.widget.policy_view import policy as policy
    from kubelab.widget.usage_view import usage as usage
    from kubelab.widget.view import rollout as rollout

_WHERE = {
    "audit": "kubelab.widget.audit_view",
    "policy": "kubelab.widget.policy_view",
    "rollout": "kubelab.widget.view",
    "usage": "kubelab.widget.usage_view",
}

__all__ = ["audit", "policy", "rollout", "usage"]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_WHERE[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
