"""The handle: everything a user does to a cluster from Python, each method one call through the same line as everybody else's."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubelab.apiserver import conversion, raw
from kubelab.apiserver.request import ADMIN, ListOptions, Options, Request, Response, User
from kubelab.cluster import (
    applying,
    attaching,
    bootstrap,
    clock,
    draining,
    explaining,
    fault_objects,
    leaders,
    looking,
    node_door,
    node_metrics,
    references,
    running,
    scheduling,
    static_pods,
)
from kubelab.cluster import why_not as reasons
from kubelab.cluster.auditing import Auditing
from kubelab.cluster.errors import ApiError, ApiWarning, ExecError, Unsettled
from kubelab.cluster.explaining import Explanation
from kubelab.cluster.interrupts import held_back
from kubelab.cluster.listening import Listening
from kubelab.cluster.objects import ApiList, ApiObject, owned, owned_list
from kubelab.cluster.references import Reference
from kubelab.cluster.rollout import Rollout
from kubelab.cluster.turns import Turns
from kubelab.cluster.why_not import Answer
from kubelab.engine.engine import Engine
from kubelab.engine.plan import Plan
from kubelab.kinds import registry
from kubelab.kinds.kind import Object
from kubelab.kinds.registry import RELEASES
from kubelab.scheduler.extender import Extender
from kubelab.world.clock import parse_rfc3339, to_datetime
from kubelab.world.collector import held_off
from kubelab.world.timing import Timing
from kubelab.world.turns import Turn, taking_turns

if TYPE_CHECKING:
    from kubelab.cluster.workload import Replay, Workload

START = "2026-01-01T00:00:00Z"
USER_AGENT = "kubelab"
COMPLETED = (
    "configmaps",
    "daemonsets.apps",
    "deployments.apps",
    "jobs.batch",
    "nodes",
    "persistentvolumeclaims",
    "pods",
    "replicasets.apps",
    "services",
    "statefulsets.apps",
)


class World:
    """The engine that a handle and all handles made from it (``as_user``) share."""

    __slots__ = ("auditing", "engine", "listening", "start_ns")

    def __init__(self, engine: Engine, start_ns: int) -> None:
        self.engine = engine
        self.start_ns = start_ns
        engine.turn = Turns()
        self.listening = Listening(engine)
        self.auditing = Auditing(engine)
        node_door.connect(engine)


@taking_turns
class Cluster:
    """A cluster in virtual time. It stands still until ``run``, ``settle`` or ``step`` lets time pass.

    Parameters
    ----------
    nodes: a number (``node-1`` …, 4 CPU, 16Gi, 110 pods each, zones a, b, c in turn), names, or Node manifests.
    seed: all chance follows from it.
    release: ``"1.28"``, or ``"1.7"`` with the groups, defaults, limits and words of 2017.
    timing: the name of a preset or a ``kl.Timing``; None: that of the release.
    start: the clock's start, RFC 3339.
    feature_gates: ``{"Name": True}``.
    storage_class: the name of the default StorageClass, or None for none.
    audit_policy: what the API server records of calls (``audit_events``): a Policy as a file, YAML text or dict, or the name of one level
        for all calls, such as ``"Metadata"``. None: nothing, as an API server without ``--audit-policy-file``.
    scheduler_config: a KubeSchedulerConfiguration (profiles, plug-ins, weights, arguments) as a file, YAML text or dict.
    extenders: scheduler extenders in Python, ``kl.Extender(filter=…, prioritize=…)``.
    node_pools: pools for a cluster autoscaler, as ``autoscale`` takes them.
    control_planes: replicas of ``kube-controller-manager`` and ``kube-scheduler``, of which a Lease each chooses the leader. None: one of each,
        which works without a lease.
    """

    def __init__(
        self,
        nodes: int | Sequence[str | Object] = 3,
        seed: int = 0,
        *,
        release: str = "1.28",
        timing: str | Timing | None = None,
        start: str = START,
        feature_gates: dict[str, bool] | None = None,
        storage_class: str | None = "standard",
        audit_policy: str | Path | Object | None = None,
        scheduler_config: str | Path | Object | None = None,
        extenders: Sequence[Extender] = (),
        node_pools: Object | None = None,
        control_planes: int | None = None,
    ) -> None:
        if release not in RELEASES:
            raise ValueError(f"release={release!r}: use one of {', '.join(RELEASES)}")
        if release == "1.7" and control_planes is not None:
            raise ValueError('control_planes: 1.7 elects by an Endpoints object, not by a Lease: leave it out, or use release="1.28"')
        start_ns, replicas = parse_rfc3339(start), leaders.check(control_planes)
        wanted = bootstrap.node_objects(nodes, start_ns - bootstrap.BOOT_NS, release)
        engine = bootstrap.engine(seed, start_ns - bootstrap.BOOT_NS, timing, release, feature_gates)
        self._world = World(engine, start_ns)
        if audit_policy is not None:
            self._world.auditing.reload(audit_policy)
        bootstrap.start(engine, wanted, storage_class, scheduling.scheduler(engine, scheduler_config, extenders), replicas)
        running.advance(engine, start_ns)
        looking.introduce((Plan, Explanation, Answer, ApiError, Unsettled))
        self._user = ADMIN
        self._agent = USER_AGENT
        if node_pools is not None:
            self.autoscale(node_pools)

    @classmethod
    def _of(cls, world: World, user: User = ADMIN, agent: str = USER_AGENT) -> Cluster:
        new = cls.__new__(cls)
        new._world, new._user, new._agent = world, user, agent
        return new

    @property
    def _engine(self) -> Engine:
        return self._world.engine

    @property
    def _turn(self) -> Turn:
        return self._world.engine.turn

    # -- time ------------------------------------------------------------------------------------------------------------
    @property
    def now(self) -> datetime:
        """The virtual instant (UTC)."""
        return to_datetime(self._engine.now_ns)

    @property
    def elapsed(self) -> float:
        """Virtual seconds since the start."""
        return (self._engine.now_ns - self._world.start_ns) / 1e9

    def run(
        self,
        duration: str | float | None = None,
        *,
        until: str | Callable[[Cluster], bool] | None = None,
        timeout: str | float = "10m",
        namespace: str = "default",
    ) -> Cluster:
        """Let time pass: for a duration, or until a condition holds (``Unsettled`` after ``timeout``).

        Conditions: ``REF ready``, ``REF gone``, ``REF condition=NAME[=VALUE]``, ``REF .path=value``, or a function of the cluster.
        """
        with self._world.auditing.followed():
            running.run(self, duration, until, timeout, namespace)
        return self

    def settle(self, timeout: str | float = "1h") -> Cluster:
        """Run until nothing moves any more but heartbeats and probes; ``Unsettled`` says what still does."""
        with self._world.auditing.followed():
            running.settle(self, timeout)
        return self

    def step(self, count: int = 1) -> Cluster:
        """Process the next wake (or ``count`` of them)."""
        with self._world.auditing.followed():
            running.step(self, count)
        return self

    def replay(
        self, workload: Workload, *, pace: float = 1.0, stay: bool = False, heartbeats: bool = False, namespace: str = "default"
    ) -> Replay:
        """Let a recorded workload (``kl.workload.read``) happen: each task is created when it was, and time passes to the last deletion.

        ``pace``: by how much faster than in the trace. ``stay``: no task ends, and the cluster fills up. ``heartbeats``: whether nodes renew
        their leases meanwhile, which for months of a large cluster is nearly all that happens. Returns how many tasks became what.
        """
        from kubelab.cluster.workload import replaying

        with self._world.auditing.followed():
            return replaying.replay(self, workload, replaying.Manner(pace, stay, namespace), heartbeats=heartbeats)

    # -- calls -----------------------------------------------------------------------------------------------------------
    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "",
        user: str | None = None,
        groups: Sequence[str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """The raw API without a socket: ``(code, object or Status)``. A string or bytes body is sent as it is."""
        who = self._user if user is None else User(user, _authenticated(user, groups))
        engine = self._engine
        with held_back():
            answer = raw.ask(engine.server, engine.handle, engine.now_ns, method, path, body, content_type, who, headers or {})
        clock.obey(engine, self._world.start_ns)
        self._world.auditing.ship()
        return answer.code, answer.object

    def _call(self, verb: str, reference: Reference, **more: Any) -> Response:
        """One call by this handle's user; refusals raise ApiError."""
        place = more.pop("place", "")
        agent = more.pop("agent", self._agent)
        kind = reference.kind
        if kind.release != "1.28" and not more.get("version"):
            more["version"] = kind.versions[0]
        request = Request(verb, kind.asked, reference.namespace, reference.name, user=self._user, user_agent=agent, **more)
        with held_back():
            response = self._engine.handle(request)
        clock.obey(self._engine, self._world.start_ns)
        self._world.auditing.ship()
        if response.code >= 400:
            raise ApiError(response.object, place)
        if kind.release != "1.28":
            response.object = conversion.answered(kind, response.object)
        for text in response.warnings:
            warnings.warn(text, ApiWarning, stacklevel=4)
        return response

    def _owned(self, response: Response) -> ApiObject:
        return owned(response.object, self._engine.now_ns)

    def _refer(self, reference: str | Object, name: str | None, namespace: str) -> Reference:
        return references.parse(reference, name, namespace, self._engine.release)

    def get(self, reference: str | Object, name: str | None = None, *, namespace: str = "default") -> ApiObject:
        """One object; ApiError (NotFound) if it is not there."""
        found = self._refer(reference, name, namespace)
        return self._owned(self._call("get", found))

    def __getitem__(self, reference: str) -> ApiObject:
        return self.get(reference)

    def list(
        self,
        kind: str,
        *,
        namespace: str | None = "default",
        selector: str = "",
        field_selector: str = "",
    ) -> ApiList:
        """The objects of a kind in a namespace (None: all namespaces), in the order of their names."""
        found = references.kind_of(kind, self._engine.release)
        where = (namespace or "") if found.namespaced else ""
        references.check_selectors(selector, field_selector)
        options = ListOptions(selector, field_selector)
        return owned_list(self._call("list", Reference(found, where, ""), list_options=options).object["items"], self._engine.now_ns)

    def kinds(self) -> list[str]:
        """The kinds that this cluster serves, as kubectl names them."""
        return [kind.asked for kind in registry.all_kinds(self._engine.release) if "get" in kind.verbs]

    def create(self, source: Any, *, namespace: str = "default", dry_run: bool = False, field_validation: str = "Strict") -> Any:
        """Create every object of a source (see ``apply`` for its forms); returns the object, or a list if there are several."""
        return applying.each(self, source, namespace, "create", Options(dry_run, "kubectl-create", field_validation))

    def replace(self, source: Any, *, namespace: str = "default", dry_run: bool = False, field_validation: str = "Strict") -> Any:
        """Replace every object of a source."""
        return applying.each(self, source, namespace, "update", Options(dry_run, "kubectl-replace", field_validation))

    def apply(
        self,
        source: Any,
        *,
        namespace: str = "default",
        server_side: bool = False,
        force: bool = False,
        field_manager: str = "",
        dry_run: bool = False,
        keep_going: bool = False,
        field_validation: str = "Strict",
    ) -> Any:
        """kubectl apply: a file, a folder, YAML text, a dict, or a list of these. If one document is refused, nothing of the source is
        applied, unless ``keep_going``. Returns the object, or a list if there are several."""
        return applying.apply(
            self,
            source,
            namespace,
            server_side=server_side,
            keep_going=keep_going,
            options=Options(dry_run, field_manager, field_validation, force),
        )

    def patch(self, reference: str, body: Any, type: str = "strategic", *, namespace: str = "default", subresource: str = "") -> ApiObject:
        """Patch an object: ``type`` is strategic, merge or json."""
        if type not in ("strategic", "merge", "json"):
            raise ValueError(f"type={type!r}: use strategic, merge or json")
        found = self._refer(reference, None, namespace)
        return self._owned(self._call("patch", found, body=body, patch_type=type, subresource=subresource, agent="kubectl-patch"))

    def delete(
        self,
        reference: str | Object,
        name: str | None = None,
        *,
        namespace: str = "default",
        grace_period: int | None = None,
        cascade: str | None = None,
    ) -> ApiObject:
        """Delete an object. ``cascade``: background, foreground or orphan; ``grace_period`` in seconds."""
        found = self._refer(reference, name, namespace)
        options: Object = {}
        if grace_period is not None:
            options["gracePeriodSeconds"] = grace_period
        if cascade is not None:
            if cascade not in ("background", "foreground", "orphan"):
                raise ValueError(f"cascade={cascade!r}: use background, foreground or orphan")
            options["propagationPolicy"] = cascade.capitalize()
        elif found.kind.orphans_by_default:
            options["propagationPolicy"] = "Background"
        return self._owned(self._call("delete", found, body=options))

    def delete_all(self, source: Any, *, namespace: str = "default") -> list[Object]:
        """Delete every object of a source, as ``kubectl delete -f``: one that cannot be deleted does not keep the others."""
        return applying.delete_all(self, source, namespace)

    def scale(self, reference: str, replicas: int, *, namespace: str = "default") -> ApiObject:
        """Set the number of replicas, as ``kubectl scale``."""
        found = self._refer(reference, None, namespace)
        body = {"spec": {"replicas": replicas}}
        subresource = "scale" if found.kind.release == "1.28" or "scale" in found.kind.subresources else ""
        return self._owned(self._call("patch", found, body=body, patch_type="merge", subresource=subresource, agent="kubectl"))

    def cordon(self, node: str) -> str:
        """Let no new pods come to a node, as ``kubectl cordon``; returns kubectl's words."""
        return draining.cordon(self, node, unschedulable=True)

    def uncordon(self, node: str) -> str:
        """Let pods come to a node again, as ``kubectl uncordon``."""
        return draining.cordon(self, node, unschedulable=False)

    def drain(
        self,
        node: str,
        *,
        force: bool = False,
        ignore_daemonsets: bool = False,
        delete_emptydir_data: bool = False,
        disable_eviction: bool = False,
        grace_period: int | None = None,
        pod_selector: str = "",
        timeout: str | float = "1h",
    ) -> str:
        """Cordon a node and evict its pods, as ``kubectl drain``: time passes until they are gone. ``DrainError`` if that cannot be."""
        flags = draining.Flags(force, ignore_daemonsets, delete_emptydir_data, disable_eviction, grace_period, pod_selector, timeout)
        with self._world.auditing.followed():
            return draining.drain(self, node, flags)

    def as_user(self, name: str, groups: Sequence[str] | None = None) -> Cluster:
        """The same cluster under another identity."""
        return Cluster._of(self._world, User(name, _authenticated(name, groups)), self._agent)

    def autoscale(self, node_pools: Object, *, priorities: Object | str | None = None, **options: Any) -> Cluster:
        """Let a cluster autoscaler add nodes of named pools when pods find no place, and take them away when they are not needed.

        ``node_pools``: ``{"small": {"cpu": 4, "memory": "16Gi", "min": 0, "max": 10, "price": 0.2, "boot": "60s", "labels": {}, "taints": []}}``.
        ``options``: upstream's flags, such as ``expander="least-waste"``, ``scale_down_unneeded_time="5m"``. ``priorities``: for the expander
        ``priority``, ``{10: [".*"], 50: ["spot-.*"]}``.
        """
        from kubelab.cluster import autoscaler

        autoscaler.install(self._engine, node_pools, priorities, options)
        return self

    # -- why -------------------------------------------------------------------------------------------------------------
    def plan(self, reference: str | Object, *, namespace: str = "default") -> Plan:
        """What the component in charge of an object would do next, and because of what; nothing happens."""
        return explaining.plan(self, self._refer(reference, None, namespace))

    def explain(self, reference: str | Object, *, namespace: str = "default") -> Explanation:
        """The causal chain behind an object's present state, from the log's own links."""
        return explaining.explain(self, self._refer(reference, None, namespace))

    def why_not(self, reference: str | Object, *, namespace: str = "default") -> Answer:
        """Why something is not there, not scheduled or not ready: one answer over all who have a say."""
        return reasons.why_not(self, self._refer(reference, None, namespace))

    def rollout(self, reference: str | Object, *, namespace: str = "default") -> Rollout:
        """The rollout of a Deployment, StatefulSet or DaemonSet: status, history, undo, pause, resume, restart."""
        return Rollout(self, self._refer(reference, None, namespace))

    def fault(self, kind: str, **fields: Any) -> ApiObject:
        """Break something: ``c.fault("NodeCrash", nodes=["node-1"], duration="5m")``. Without a duration until the Fault is deleted.

        The types, what each hits and its parameters: docs/faults.md. ValueError names a type or a target that is not there.
        """
        engine = self._engine
        obj = fault_objects.fault_object(engine, kind, fields)
        return self._owned(self._call("create", references.parse(obj), body=obj))

    def static_pod(self, node: str, manifest: Any) -> str:
        """Put a Pod's manifest (file, YAML text or dict) into a node's folder, ``/etc/kubernetes/manifests``: its kubelet runs it, without
        any controller or scheduler. Returns the reference of its mirror, ``pod/NAME-NODE``."""
        return static_pods.put(self, node, manifest)

    def remove_static_pod(self, node: str, name: str, *, namespace: str = "default") -> None:
        """Take a manifest out of a node's folder: its kubelet stops the pod, and then takes its mirror away."""
        static_pods.remove(self, node, name, namespace)

    # -- looking ---------------------------------------------------------------------------------------------------------
    @property
    def frames(self) -> Any:
        """DataFrames of everything that happened."""
        return looking.room("frames", self)

    @property
    def plot(self) -> Any:
        """Figures; each call returns a matplotlib Axes and accepts ``ax=``."""
        return looking.room("plot", self)

    def logs(
        self, reference: str, *, namespace: str = "default", container: str = "", previous: bool = False, tail: int | None = None
    ) -> str:
        """What a container has written, as ``kubectl logs``: of a pod, or of the first pod of a workload or Service."""
        options = {"container": container, "previous": previous, "tailLines": tail}
        found = attaching.pod_for_logs(self, self._refer(reference, None, namespace))
        body = {name: item for name, item in options.items() if item}
        return str(self._call("get", found, subresource="log", body=body).object)

    def exec(self, reference: str, command: Sequence[str] | str, *, namespace: str = "default", container: str = "") -> str:
        """Run a command (a list, or text split as a shell would) in a container, as ``kubectl exec``: what it writes; ApiError where it
        cannot be run; ExecError with ``exit_code``, ``stdout`` and ``stderr`` if it ends with another code than 0."""
        argv = shlex.split(command) if isinstance(command, str) else list(command)
        found = attaching.pod_for_exec(self, self._refer(reference, None, namespace))
        body = {"command": argv, **({"container": container} if container else {})}
        result = self._call("create", found, subresource="exec", body=body).object
        if result["exitCode"]:
            raise ExecError(argv, result["exitCode"], result["stdout"], result["stderr"])
        return str(self._engine.server.kubelet_door.terminal)

    def cri(self, node: str) -> Any:
        """A node's container runtime: RPC names in snake_case, plain dicts."""
        return node_door.runtime(self._engine, self._world.listening, node)

    def summary(self, node: str, *, only_cpu_and_memory: bool = False) -> Object:
        """A node's ``/stats/summary``, as its kubelet answers it: usage of the node, its pods, containers and volumes.
        ConnectionRefusedError if it does not run."""
        return node_metrics.summary(self._engine, node, only_cpu_and_memory=only_cpu_and_memory)

    def prometheus(self, node: str, path: str = "/metrics/resource") -> str:
        """A page of a node's kubelet in the Prometheus text format: ``/metrics/resource``, ``/metrics/cadvisor``, ``/metrics/probes``, ``/metrics``."""
        return node_metrics.prometheus(self._engine, node, path)

    def top(
        self,
        what: str = "pods",
        *,
        namespace: str | None = "default",
        selector: str = "",
        containers: bool = False,
        sort_by: str = "",
        total: bool = False,
    ) -> str:
        """Usage of pods or nodes as ``kubectl top`` prints it, from metrics.k8s.io; ``MetricsUnavailable`` while there is none. ``sort_by``:
        cpu or memory, the largest first; ``total``: the sum of the pods below (``--sum``)."""
        return looking.top(self, what, namespace, selector, containers=containers, sort_by=sort_by, total=total)

    @property
    def audit(self) -> Auditing:
        """The audit of this cluster: its policy (``reload``), its backends (``log``, ``webhook``), its own metrics."""
        return self._world.auditing

    def audit_events(self) -> list[Object]:
        """The audit events recorded so far, oldest first, as ``audit.k8s.io/v1`` dicts under the cluster's audit policy."""
        return self._world.auditing.events()

    def slis(self) -> Any:
        """Service level indicators of this cluster beside the official objectives, as a DataFrame."""
        return looking.slis(self)

    def save(self, path: str | Path) -> Path:
        """Keep the whole world, log included, in a file that ``kl.load`` reads."""
        from kubelab.cluster import archive

        return archive.save(self, path)

    def _ipython_key_completions_(self) -> list[str]:
        """Tab completion of ``c["…"]``: references of what is there."""
        state = self._engine.store.head
        words = [
            (kind.singular or kind.kind.lower(), kind.resource)
            for kind in registry.all_kinds(self._engine.release)
            if kind.resource in COMPLETED
        ]
        return [f"{word}/{name}" for word, resource in words for (namespace, name) in state.all(resource) if namespace in ("default", "")]

    def _repr_html_(self) -> str:
        return looking.html_of(self, self._engine.now_ns)

    def __repr__(self) -> str:
        state = self._engine.store.head
        there = ", ".join(
            f"{number} {word}{'' if number == 1 else 's'}" for word in ("node", "pod") for number in [len(state.all(f"{word}s"))]
        )
        user = "" if self._user == ADMIN else f" as {self._user.name}"
        return f"<Cluster{user}: {there}, {self.now:%Y-%m-%d %H:%M:%S} ({self.elapsed:.3f} s)>"

    # -- futures ---------------------------------------------------------------------------------------------------------
    def fork(self) -> Cluster:
        """Another future of the same past: it shares nothing that can change."""
        with held_back(), held_off():
            engine = self._engine.fork()
        return Cluster._of(World(engine, self._world.start_ns), self._user, self._agent)

    def __copy__(self) -> Cluster:
        return self.fork()

    def __deepcopy__(self, memo: object) -> Cluster:
        return self.fork()


def _authenticated(name: str, groups: Sequence[str] | None) -> tuple[str, ...]:
    if not isinstance(name, str) or not name:
        raise ValueError(f"{name!r} is no user: give a name, such as 'alice' or 'system:serviceaccount:default:default'")
    if isinstance(groups, str):
        raise ValueError(f"groups={groups!r}: give a list, such as [{groups!r}]")
    given = tuple(groups or ())
    extra = "system:unauthenticated" if name == "system:anonymous" else "system:authenticated"
    return given if extra in given else (*given, extra)
