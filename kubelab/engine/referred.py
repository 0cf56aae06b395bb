"""The secrets and config maps that a kubelet's pods refer to: it lists and watches each of them while one of its pods needs it.

upstream: pkg/kubelet/util/manager/watch_based_manager.go (one reflector per object, by reference count), 1.28.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kubelab.apiserver.authorization.references import configmaps_of_pod, secrets_of_pod
from kubelab.engine import informers
from kubelab.engine.reflectors import begun, stop, wait
from kubelab.store.informer_calls import Reflector

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine
    from kubelab.engine.runner import Runner
    from kubelab.store.log import Commit, Object


def pod_changed(engine: Engine, node: str, commit: Commit) -> None:
    """A pod of a node has come, or has ended: its kubelet watches the secrets and config maps that its pods refer to."""
    old = commit.old
    before = old is not None and _is_at_work(old)
    after = commit.type != "DELETED" and _is_at_work(commit.object)
    if before == after:
        return
    runner = engine.runners.get(f"kubelet/{node}")
    if runner is None or runner.name not in engine.reflectors.running:
        return
    if after:
        _hold(engine, runner, commit.object)
    else:
        _let_go(engine, runner, commit.object)


def started(engine: Engine, runner: Runner) -> None:
    """A kubelet begins: it looks after the pods of its node that are there."""
    if runner.component.identity.agent != informers.KUBELET:
        return
    state = engine.trailing
    table = state.all("pods")
    for place in state.by_node.get(runner.component.machine, {}):
        if _is_at_work(table[place]):
            _hold(engine, runner, table[place])


def _is_at_work(pod: Object) -> bool:
    status = pod.get("status")
    return bool(pod["spec"].get("nodeName")) and (not status or status.get("phase") not in ("Succeeded", "Failed"))


def _hold(engine: Engine, runner: Runner, pod: Object) -> None:
    if engine.release == "1.7":
        return  # its kubelets read what a pod names, and watch none of it
    state = engine.reflectors
    for reflector in _of_pod(runner, pod):
        who = engine.store.log.informers.number_of(reflector)
        count = state.held.get(who, 0)
        if not count:
            begun(engine, reflector)
            state.running[runner.name] += (who,)
            wait(engine)
        state.held[who] = count + 1


def _let_go(engine: Engine, runner: Runner, pod: Object) -> None:
    state = engine.reflectors
    for reflector in _of_pod(runner, pod):
        who = engine.store.log.informers.number_of(reflector)
        count = state.held.pop(who, 0)
        if count > 1:
            state.held[who] = count - 1
        elif count:
            stop(engine, who, heard=True)
            state.running[runner.name] = tuple(each for each in state.running[runner.name] if each != who)


def _of_pod(runner: Runner, pod: Object) -> Iterator[Reflector]:
    """A reflector for each object. Upstream: objectCache.newReflectorLocked."""
    namespace, user = pod["metadata"]["namespace"], runner.user
    for resource, name in _referred(pod["spec"], pod):
        yield Reflector(runner.name, user, _KUBELET_AGENT, resource, namespace, f"metadata.name={name}")


def _referred(spec: Object, pod: Object) -> dict[tuple[str, str], None]:
    """The config maps and secrets of a pod. Of most there is but one, in the volume that every pod gets: then there is little to look through."""
    if not spec.get("imagePullSecrets") and not any("env" in each or "envFrom" in each for each in spec["containers"]):
        volumes = spec.get("volumes") or ()
        if len(volumes) <= 1 and "initContainers" not in spec and all("projected" in volume for volume in volumes):
            sources = (source for volume in volumes for source in volume["projected"].get("sources") or ())
            return {
                (_PLURALS[kind], each[kind]["name"]): None
                for each in sources
                for kind in each
                if kind in _PLURALS and each[kind].get("name")
            }
    found = [("configmaps", name) for name in configmaps_of_pod(pod)] + [("secrets", name) for name in secrets_of_pod(pod)]
    return dict.fromkeys(pair for pair in found if pair[1])


_KUBELET_AGENT = informers.agent_of(informers.KUBELET)
_PLURALS = {"configMap": "configmaps", "secret": "secrets"}
