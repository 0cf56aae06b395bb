"""kubelab: a Kubernetes control plane inside a notebook. Real manifests, real algorithms, virtual time.

>>> import kubelab as kl
>>> c = kl.Cluster(nodes=3, seed=7)
>>> c.now.isoformat()
'2026-01-01T00:00:00+00:00'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kubelab.world.collector import held_off

__version__ = "0.1.0"

_WHERE = {
    "ApiError": "kubelab.cluster.errors",
    "ApiWarning": "kubelab.cluster.errors",
    "ArchiveError": "kubelab.cluster.archive",
    "AuditWarning": "kubelab.cluster.auditing.options",
    "Cluster": "kubelab.cluster.handle",
    "ConfigurationError": "kubelab.scheduler.configuration.reading",
    "CriError": "kubelab.cri.api",
    "DrainError": "kubelab.cluster.draining",
    "ExecError": "kubelab.cluster.errors",
    "Extender": "kubelab.scheduler.extender",
    "InternalError": "kubelab.engine.internal_error",
    "ManifestError": "kubelab.cluster.errors",
    "Program": "kubelab.cri.programs",
    "RolloutError": "kubelab.cluster.rollout",
    "Timing": "kubelab.world.timing",
    "UnknownReference": "kubelab.cluster.errors",
    "Unsettled": "kubelab.cluster.errors",
    "auditlog": "kubelab.auditlog",
    "canary": "kubelab.cluster.canary",
    "cri": "kubelab.cri",
    "load": "kubelab.cluster.archive",
    "programs": "kubelab.cri.programs",
    "usage_trace": "kubelab.cri.usage.trace",
    "widget": "kubelab.widget",
    "workload": "kubelab.cluster.workload",
}
__all__ = [*sorted(_WHERE), "__version__"]  # noqa: PLE0604

if TYPE_CHECKING:
    from kubelab import auditlog as auditlog
    from kubelab import cri as cri
    from kubelab import widget as widget
    from kubelab.cluster import canary as canary
    from kubelab.cluster import workload as workload
    from kubelab.cluster.archive import ArchiveError as ArchiveError
    from kubelab.cluster.archive import load as load
    from kubelab.cluster.auditing.options import AuditWarning as AuditWarning
    from kubelab.cluster.draining import DrainError as DrainError
    from kubelab.cluster.errors import ApiError as ApiError
    from kubelab.cluster.errors import ApiWarning as ApiWarning
    from kubelab.cluster.errors import ExecError as ExecError
    from kubelab.cluster.errors import ManifestError as ManifestError
    from kubelab.cluster.errors import UnknownReference as UnknownReference
    from kubelab.cluster.errors import Unsettled as Unsettled
    from kubelab.cluster.handle import Cluster as Cluster
    from kubelab.cluster.rollout import RolloutError as RolloutError
    from kubelab.cri import programs as programs
    from kubelab.cri.api import CriError as CriError
    from kubelab.cri.programs import Program as Program
    from kubelab.cri.usage.trace import usage_trace as usage_trace
    from kubelab.engine.internal_error import InternalError as InternalError
    from kubelab.scheduler.configuration.reading import ConfigurationError as ConfigurationError
    from kubelab.scheduler.extender import Extender as Extender
    from kubelab.world.timing import Timing as Timing


def __getattr__(name: str) -> Any:
    """Public names are imported when first asked for, so that ``import kubelab`` costs next to nothing."""
    if name not in _WHERE:
        raise AttributeError(f"module 'kubelab' has no attribute {name!r}: it has {', '.join(sorted(_WHERE))}")
    with held_off():
        module = import_module(_WHERE[name])
    found = module if _WHERE[name].endswith(f".{name}") else getattr(module, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
