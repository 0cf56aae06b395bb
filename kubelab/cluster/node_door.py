"""The way to a node's kubelet and runtime, for logs, exec and the CRI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelab.apiserver import status
from kubelab.apiserver.subresources.kubelet import KubeletUnreachable
from kubelab.cluster import metrics_server, node_metrics
from kubelab.cluster.listening import Listening
from kubelab.cri.api import CriError
from kubelab.cri.events import ContainerEvents
from kubelab.engine import trouble
from kubelab.engine.component import Scope
from kubelab.engine.engine import Engine
from kubelab.kinds.kind import Object
from kubelab.kubelet import cri_door
from kubelab.kubelet.cri_door import CriDoor, Outside
from kubelab.world.clock import SECOND, parse_rfc3339


def scope_of(engine: Engine, node: str) -> Scope:
    """What the kubelet of a node sees; ValueError lists the nodes."""
    runner = engine.runners.get(f"kubelet/{node}")
    if runner is None:
        known = ", ".join(name for name in engine.machines if name)
        raise ValueError(f"there is no node {node!r}: there are {known}")
    return engine.scope(runner, ())


def runtime(engine: Engine, listening: Listening, node: str) -> CriDoor:
    """The node's container runtime, its RPCs as methods."""
    scope_of(engine, node)

    def listen(events: ContainerEvents) -> None:
        listening.listen(node, events, door.event)

    outside = Outside(lambda nudge: engine.nudge(nudge, 0), engine.turn, listen, listening.look)
    door = cri_door.runtime_of(lambda: scope_of(engine, node), outside)
    return door


class Door:
    """What the API server's log and exec subresources go through."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.terminal = ""

    def _reach(self, namespace: str, name: str) -> tuple[Object, Scope]:
        """The pod and its kubelet; a node that is down or unknown cannot be reached."""
        pod = self._engine.store.head.objects["pods"][(namespace, name)]
        runner = self._engine.runners.get(f"kubelet/{pod['spec'].get('nodeName')}")
        if runner is None or not trouble.reachable(self._engine, pod["spec"]["nodeName"]):
            raise _unreachable(self._engine, pod["spec"].get("nodeName") or "")
        return pod, self._engine.scope(runner, ())

    def logs(self, namespace: str, name: str, options: Object) -> str:
        """A container's log as the kubelet gives it."""
        pod, scope = self._reach(namespace, name)
        since_ns = 0
        if options.get("sinceSeconds"):
            since_ns = self._engine.now_ns - options["sinceSeconds"] * SECOND
        elif options.get("sinceTime"):
            since_ns = parse_rfc3339(options["sinceTime"])
        try:
            text = cri_door.container_logs(
                scope,
                pod,
                options["container"],
                previous=bool(options.get("previous")),
                tail_lines=options.get("tailLines"),
                since_ns=since_ns,
                timestamps=bool(options.get("timestamps")),
            )
        except CriError as error:
            raise status.bad_request(error.message) from None
        limit = options.get("limitBytes")
        return text.encode()[:limit].decode(errors="ignore") if limit else text

    def exec(self, namespace: str, name: str, options: Object) -> Object:
        """Run a command in a container: its exit code and both streams. ``terminal``: what a terminal shows of the latest.

        upstream: pkg/kubelet/kubelet_pods.go GetExec; staging/src/k8s.io/kubelet/pkg/cri/streaming/remotecommand/exec.go ServeExec, 1.28.
        """
        pod, scope = self._reach(namespace, name)
        try:
            result, nudges = cri_door.exec_in(scope, pod, options["container"], options.get("command") or [])
        except CriError as error:
            if error.message.startswith("container not found"):
                raise status.plain_error(error.message) from None  # upstream: the kubelet finds none that runs, before any stream
            raise status.internal_error(f"error executing command in container: {error.message}") from None
        for nudge in nudges:
            self._engine.nudge(nudge, 0)
        self.terminal = result.terminal
        return {"exitCode": result.exit_code, "stdout": result.output, "stderr": result.stderr}

    def attach(self, namespace: str, name: str, options: Object) -> Any:
        raise status.method_not_allowed()

    def port_forward(self, namespace: str, name: str, options: Object) -> Any:
        raise status.method_not_allowed()

    def page(self, node: str, verb: str, path: str, query: Mapping[str, list[str]]) -> tuple[int, Any]:
        """One of a kubelet's own pages."""
        if not trouble.reachable(self._engine, node):
            raise _unreachable(self._engine, node)
        return node_metrics.answer(self._engine, node, verb, path, query)


def _unreachable(engine: Engine, node: str) -> KubeletUnreachable:
    """A node that is cut off does not even refuse."""
    cut = trouble.cut_of(engine, node) is not None
    return KubeletUnreachable(node, "i/o timeout") if cut else KubeletUnreachable(node)


def connect(engine: Engine) -> None:
    """Give the API server its ways to the kubelets and to metrics-server."""
    engine.server.kubelet_door = Door(engine)
    engine.server.metrics_door = metrics_server.Door(engine)
