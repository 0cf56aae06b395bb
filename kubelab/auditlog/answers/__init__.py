"""What an audit log can be asked: each answer a function of a log, a method of ``AuditLog``, a tidy frame, and a picture
(``log.plot.NAME()``).

``ANSWERS`` names them all, with the module that has them; each is loaded when first asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from importlib import import_module
from typing import Any

_HERE = "kubelab.auditlog.answers"

#: The name of each answer, and where its function is. ``plot`` is the accessor of the pictures, in a room above.
ANSWERS: dict[str, str] = {
    "only": f"{_HERE}.part",
    "requests": f"{_HERE}.requests",
    "clients": f"{_HERE}.requests",
    "latencies": f"{_HERE}.requests",
    "hot_objects": f"{_HERE}.objects",
    "write_amplification": f"{_HERE}.objects",
    "conflicts": f"{_HERE}.conflicts",
    "noisy_clients": f"{_HERE}.noisy",
    "elections": f"{_HERE}.elections",
    "denied": f"{_HERE}.denied",
    "who": f"{_HERE}.who",
    "deprecated": f"{_HERE}.deprecated",
    "sensitive": f"{_HERE}.sensitive",
    "permissions": f"{_HERE}.permissions",
    "burst": f"{_HERE}.burst",
    "anomalies": f"{_HERE}.anomalies",
    "volume": f"{_HERE}.what_if",
    "what_if": f"{_HERE}.what_if",
    "slis": "kubelab.auditlog.slis",
    "rbac": "kubelab.auditlog.rbac",
    "rollouts": "kubelab.auditlog.rollouts",
    "rollout_counts": "kubelab.auditlog.rollouts",
    "rollout_pods": "kubelab.auditlog.rollouts",
    "rollout_phases": "kubelab.auditlog.rollouts",
    "rollout_steps": "kubelab.auditlog.rollouts",
    "rollout_notes": "kubelab.auditlog.rollouts",
    "plot": "kubelab.plot.auditlog",
}


def function(name: str) -> Callable[..., Any]:
    """The function of an answer."""
    return getattr(import_module(ANSWERS[name]), name)


def bound(name: str, log: Any) -> Any:
    """An answer as a method of a log."""
    if name == "plot":
        return import_module(ANSWERS[name]).Plot(log)
    answer = function(name)
    return update_wrapper(partial(answer, log), answer)
