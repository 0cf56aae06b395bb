"""Extenders: who, besides the plug-ins, excludes and scores nodes, chooses victims, or binds; here a Python callable for each of these.

An extender is declared in the configuration, which is data and stands in the world; its callables are the server behind its address, and are
outside the world: forks share them, a file does not hold them. An address that nobody answers is refused as a closed port is.

upstream: pkg/scheduler/extender.go, pkg/scheduler/schedule_one.go findNodesThatPassExtenders, prioritizeNodes,
staging/src/k8s.io/kube-scheduler/extender/v1/types.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from kubelab.kinds.field import go_quote
from kubelab.scheduler.framework import MAX_NODE_SCORE, Status
from kubelab.scheduler.node_info import NodeInfo
from kubelab.scheduler.plugins.default_preemption import Amend, Candidate

Object = dict[str, Any]

MAX_SCORE = 10  # upstream: MaxExtenderPriority
REFUSED = 'Post "{url}": dial tcp: connect: connection refused'
VERBS = ("filter", "prioritize", "preempt", "bind")
_NO_VICTIM = "expected at least one victim pod on node {node}"
_NOT_THERE = "extender: {url} claims to preempt pod (UID: {uid}) on node: {node}, but the pod is not found on that node"


class ExtenderError(Exception):
    """An extender that failed, in upstream's words."""


@dataclass(frozen=True, slots=True, eq=False)
class Extender:
    """A scheduler extender in Python.

    ``filter(pod, nodes)``: the names of the nodes that will do; or a dict of upstream's ExtenderFilterResult (``nodeNames``, ``failedNodes`` and
    ``failedAndUnresolvableNodes`` by name with the reason, ``error``). ``prioritize(pod, nodes)``: a score from 0 to 10 by node name.
    ``preempt(pod, victims)``: of the uids of victims by node those nodes and victims that will do. ``bind(pod, node)``: a text is an error.
    ``pod`` and ``nodes`` are plain objects, not to be changed. An exception is
    the extender's failure: the pod waits, unless the extender is ``ignorable``. Only pods that ask for one of ``managed_resources`` concern it, if
    there are any; ``ignored_by_scheduler``: the scheduler itself does not count these.
    """

    url: str = "http://extender"
    filter: Callable[[Object, list[Object]], Any] | None = None
    prioritize: Callable[[Object, list[Object]], Mapping[str, int]] | None = None
    preempt: Callable[[Object, dict[str, list[str]]], Mapping[str, Sequence[str]]] | None = None
    bind: Callable[[Object, str], str | None] | None = None
    weight: int = 1
    ignorable: bool = False
    managed_resources: Sequence[str] = ()
    ignored_by_scheduler: bool = False

    def declaration(self) -> Object:
        """What the configuration says of it."""
        verbs = {f"{verb}Verb": verb for verb in VERBS if getattr(self, verb) is not None}
        managed = [{"name": name, **({"ignoredByScheduler": True} if self.ignored_by_scheduler else {})} for name in self.managed_resources]
        return {
            "urlPrefix": self.url,
            **verbs,
            "weight": self.weight,
            **({"ignorable": True} if self.ignorable else {}),
            **({"managedResources": managed} if managed else {}),
        }


class Known(NamedTuple):
    """A declared extender, and who answers at its address (None: nobody)."""

    declared: Object
    server: Extender | None

    def ask(self, verb: str, *arguments: Any) -> Any:
        url = f"{self.declared['urlPrefix'].rstrip('/')}/{self.declared[f'{verb}Verb']}"
        answer = getattr(self.server, verb, None)
        if answer is None:
            raise ExtenderError(REFUSED.format(url=url))
        try:
            return answer(*arguments)
        except Exception as error:
            raise ExtenderError(str(error) or type(error).__name__) from error

    @property
    def is_ignorable(self) -> bool:
        return bool(self.declared.get("ignorable"))

    def is_interested(self, pod: Object) -> bool:
        managed = [each["name"] for each in self.declared.get("managedResources") or ()]
        if not managed:
            return True
        for field in ("containers", "initContainers"):
            for container in pod["spec"].get(field) or ():
                resources = container.get("resources") or {}
                if any(name in (resources.get(part) or ()) for name in managed for part in ("requests", "limits")):
                    return True
        return False


def known_of(configuration: Object | None, servers: Iterable[Extender]) -> tuple[Known, ...]:
    """The extenders of a configuration; ignorable ones come last, as upstream builds them."""
    by_url = {each.url: each for each in servers}
    found = [Known(each, by_url.get(each["urlPrefix"])) for each in (configuration or {}).get("extenders") or ()]
    return tuple(sorted(found, key=lambda each: each.is_ignorable))


class Extending(NamedTuple):
    """The extenders that one pod concerns."""

    pod: Object
    extenders: tuple[Known, ...]

    def filter(self, order: Sequence[NodeInfo], window: Sequence[int], statuses: dict[str, Status]) -> list[int]:
        """The nodes that all of them leave, one asked after the other; why others go is noted. Raises ExtenderError."""
        left = list(window)
        for each in self.extenders:
            if not left:
                break
            if not each.declared.get("filterVerb"):
                continue
            try:
                left = self._filtered(each, order, left, statuses)
            except ExtenderError:
                if not each.is_ignorable:
                    raise
        return left

    def welcomes(self, node: NodeInfo, statuses: dict[str, Status]) -> bool:
        """Whether they leave one node, as the one that the pod was promised."""
        try:
            return bool(self.filter({node.index: node}, (node.index,), statuses))  # type: ignore[arg-type]
        except ExtenderError:
            return False

    def _filtered(self, each: Known, order: Sequence[NodeInfo], left: list[int], statuses: dict[str, Status]) -> list[int]:
        names = {order[index].name: index for index in left}
        answer = each.ask("filter", self.pod, [order[index].node for index in left])
        result: Mapping[str, Any] = answer if isinstance(answer, Mapping) else {"nodeNames": answer}
        if result.get("error"):
            raise ExtenderError(str(result["error"]))
        kept = [each_name if isinstance(each_name, str) else each_name["metadata"]["name"] for each_name in result.get("nodeNames") or ()]
        strange = next((name for name in kept if name not in names), None)
        if strange is not None:
            url = go_quote(each.declared["urlPrefix"])
            raise ExtenderError(f"extender {url} claims a filtered node {go_quote(strange)} which is not found in the input node list")
        lost, unresolvable = result.get("failedNodes") or {}, result.get("failedAndUnresolvableNodes") or {}
        for name, words in unresolvable.items():
            statuses[name] = Status("", (*(statuses[name].reasons if name in statuses else ()), words), unresolvable=True)
        for name, words in lost.items():
            if name not in unresolvable:
                known = statuses.get(name, Status("", ()))
                statuses[name] = known._replace(reasons=(*known.reasons, words))
        return [names[name] for name in kept]

    def amender(self, nodes: Mapping[str, NodeInfo]) -> Amend | None:
        """What extenders with a word in preemption make of its candidates (upstream: callExtenders); None if there is none."""
        asked = [each for each in self.extenders if each.declared.get("preemptVerb")]
        return partial(self._amended, asked, nodes) if asked else None

    def _amended(self, asked: list[Known], nodes: Mapping[str, NodeInfo], candidates: list[Candidate]) -> tuple[list[Candidate], str]:
        left = {each.node: each for each in candidates}
        for each in asked:
            if not left:
                break
            try:
                answer = each.ask("preempt", self.pod, {name: [pod.uid for pod in one.victims] for name, one in left.items()})
                named = {name: uids for name, uids in answer.items() if uids or not each.is_ignorable}
                left = {name: _candidate(each, left.get(name), name, uids, nodes) for name, uids in named.items()}
            except ExtenderError as error:
                if not each.is_ignorable:
                    return [], str(error)
        return list(left.values()), ""

    def scores(self, order: Sequence[NodeInfo], window: Sequence[int]) -> list[int]:
        """What they add to the nodes' scores. One that fails adds nothing."""
        totals = dict.fromkeys([order[index].name for index in window], 0)
        for each in self.extenders:
            if not each.declared.get("prioritizeVerb"):
                continue
            try:
                answer = each.ask("prioritize", self.pod, [order[index].node for index in window])
                given = {name: int(score) for name, score in answer.items()}
            except (ExtenderError, AttributeError, TypeError, ValueError):
                continue
            for name, score in given.items():
                if name in totals:
                    totals[name] += score * each.declared.get("weight", 0) * (MAX_NODE_SCORE // MAX_SCORE)
        return list(totals.values())


def _candidate(each: Known, known: Candidate | None, node: str, uids: Sequence[str], nodes: Mapping[str, NodeInfo]) -> Candidate:
    """A candidate with the victims that an extender names."""
    if not uids:
        raise ExtenderError(_NO_VICTIM.format(node=go_quote(node)))
    there = nodes[node].pods if node in nodes else {}
    missing = next((uid for uid in uids if uid not in there), None)
    if missing is not None:
        raise ExtenderError(_NOT_THERE.format(url=each.declared["urlPrefix"], uid=missing, node=node))
    return Candidate(node, tuple(there[uid] for uid in uids), known.violations if known is not None else 0)
