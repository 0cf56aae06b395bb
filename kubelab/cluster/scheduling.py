"""The scheduler of a cluster: started by a configuration, and asked for its verdicts.

A configuration stands on the scheduler's machine, as a file would, so that it outlives crashes and goes into forks and saved worlds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from kubelab.scheduler import explain
from kubelab.scheduler.extender import Extender
from kubelab.scheduler.scheduler import Scheduler, scheduler_of
from kubelab.scheduler.setup import DEFAULT_SETUP, TABLE, Setup, configured

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine
    from kubelab.kinds.kind import Object
    from kubelab.scheduler.explain import NodeVerdict


def scheduler(engine: Engine, source: Any, extenders: Sequence[Extender]) -> Scheduler:
    """The scheduler that a ``scheduler_config`` and ``extenders`` mean. ValueError names what will not do."""
    if source is not None and engine.release == "1.7":
        raise ValueError('scheduler_config: a scheduler of 1.7 reads no KubeSchedulerConfiguration: leave it out, or use release="1.28"')
    configuration = configured(source, extenders)
    if configuration is not None:
        engine.machines[""][TABLE] = {"configuration": configuration}
    return scheduler_of(engine.machines[""], extenders, engine.release)


def loaded(engine: Engine, extenders: Iterable[Extender] = ()) -> Scheduler:
    """The scheduler of a world out of a file. Callables are not in the file: who shall answer for extenders is given anew."""
    return scheduler_of(engine.machines.get("", {}), extenders, engine.release)


def setup(engine: Engine) -> Setup:
    """What the cluster's scheduler was started with."""
    component = engine.runners["scheduler"].component
    return component.setup if isinstance(component, Scheduler) else DEFAULT_SETUP


def verdicts(engine: Engine, pod: Object) -> list[NodeVerdict]:
    """Each node's verdict on a pod, filter by filter and score by score, as the scheduler sees the cluster."""
    return explain.verdicts(pod, engine.scope(engine.runners["scheduler"], ()).view, setup(engine))
