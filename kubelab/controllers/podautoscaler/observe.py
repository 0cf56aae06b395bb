"""What a sync of an autoscaler sees: its target, the pods behind the target's selector, their metrics, and what it remembers.

upstream: reconcileAutoscaler, validateAndParseSelector in pkg/controller/podautoscaler/horizontal.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kubelab.controllers.podautoscaler.asking import ANSWERS, Answer
from kubelab.controllers.podautoscaler.behavior import Recommendations, ScaleEvents
from kubelab.controllers.podautoscaler.metrics import MetricsSource, Served
from kubelab.controllers.podautoscaler.replicas import DEFAULT, Settings
from kubelab.engine.component import Scope
from kubelab.engine.plan import Key
from kubelab.kinds import registry
from kubelab.kinds.selectors import LabelSelector, SelectorError, parse_label_selector
from kubelab.store.log import Object
from kubelab.store.view import View

RESOURCE = "horizontalpodautoscalers.autoscaling"
PREFIX = "autoscale"  # what this controller's keys begin with
SELECTORS, RECOMMENDATIONS, UPS, DOWNS = "selectors", "recommendations", "scale ups", "scale downs"
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Gone:
    """The autoscaler is no more: what is remembered of it can go."""

    place: Place


@dataclass(frozen=True, slots=True)
class Target:
    """What is scaled: ``resource`` and ``name`` say where, ``scale`` what its scale is. ``error``: why there is none."""

    resource: str
    name: str
    scale: Object | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """``asked``: whether the scale, and whether the metrics, have been asked for where that takes a call.

    ``rivals``: autoscalers (this one included) whose last known selectors take one of the pods. ``recommendations`` is None before the
    first sync. ``read_ns``: how long a read takes. ``is_first``: as 1.7 decided.
    """

    autoscaler: Object
    target: Target
    selector: str
    selector_error: str
    pods: tuple[Object, ...]
    rivals: tuple[Place, ...]
    source: MetricsSource
    recommendations: Recommendations | None
    ups: ScaleEvents
    downs: ScaleEvents
    now_ns: int
    container_metrics: bool = True
    settings: Settings = DEFAULT
    asked: tuple[bool, bool] = (True, True)
    read_ns: int = 0
    is_first: bool = False

    @property
    def place(self) -> Place:
        meta = self.autoscaler["metadata"]
        return (meta["namespace"], meta["name"])


def observe(scope: Scope, key: Key) -> Seen | Gone:
    place: Place = (key[1], key[2])
    autoscaler = scope.view.get(RESOURCE, *place)
    if autoscaler is None:
        return Gone(place)
    answer: Answer | None = scope.table(ANSWERS).get(place)
    target = find_target(autoscaler, answer, scope.release)
    text, error, pods = _pods(scope.view, place[0], target)
    measured = not error and _asks_for_metrics(autoscaler, target)
    return Seen(
        autoscaler,
        target,
        text,
        error,
        tuple(pods),
        _rivals(scope.table(SELECTORS), place, text, pods) if text and not error else (),
        Served() if answer is None else Served(answer.metrics or (), answer.metrics_error),
        scope.table(RECOMMENDATIONS).get(place),
        scope.table(UPS).get(place, ()),
        scope.table(DOWNS).get(place, ()),
        scope.now_ns,
        scope.gates.get("HPAContainerMetrics", scope.release != "1.7"),
        DEFAULT,
        (answer is not None or not target.resource, not measured or (answer is not None and answer.metrics is not None)),
        scope.timing.read_ns,
        scope.release == "1.7",
    )


def find_target(autoscaler: Object, answer: Answer | None, release: str = "1.28") -> Target:
    """The target and its scale, or why there is none: in the words of the REST mapper where its kind is not known."""
    reference = autoscaler["spec"]["scaleTargetRef"]
    version, name = reference.get("apiVersion") or "", reference.get("name", "")
    if version.count("/") > 1:
        return Target("", name, None, f"unexpected GroupVersion string: {version}")
    group = version.rpartition("/")[0]
    kind = registry.by_kind(reference.get("kind", ""), group, release)
    if kind is None:
        return Target("", name, None, f'no matches for kind "{reference.get("kind", "")}" in group "{group}"')
    return Target(kind.resource, name, None) if answer is None else Target(kind.resource, name, answer.scale, answer.error)


def _pods(view: View, namespace: str, target: Target) -> tuple[str, str, list[Object]]:
    """The selector's text, why it cannot be used, and the pods that it takes."""
    text = ((target.scale or {}).get("status") or {}).get("selector", "")
    if not text:
        return "", "", []
    try:
        selector = parse_label_selector(text)
    except SelectorError as error:
        return text, f"couldn't convert selector into a corresponding internal selector object: {error}", []
    return text, "", matching(view, namespace, selector)


def matching(view: View, namespace: str, selector: LabelSelector) -> list[Object]:
    """The pods of a namespace that a selector takes, found through their labels where it names any."""
    wanted = {each.key: each.values[0] for each in selector.requirements if each.operator in ("=", "==")}
    candidates = view.labelled(namespace, wanted) if wanted else view.list("pods", namespace)
    if len(wanted) == len(selector.requirements):
        return candidates
    return [pod for pod in candidates if selector.matches(pod["metadata"].get("labels"))]


def _rivals(selectors: dict[Place, str], place: Place, text: str, pods: Sequence[Object]) -> tuple[Place, ...]:
    """upstream: hpasControllingPodsUnderSelector; in the order of their names, where upstream has none."""
    known = {each: mine for each, mine in selectors.items() if each[0] == place[0] and mine}
    known[place] = text
    if len(known) == 1:
        return (place,) if pods else ()
    found = []
    for each, mine in known.items():
        selector = parse_label_selector(mine)
        if any(selector.matches(pod["metadata"].get("labels")) for pod in pods):
            found.append(each)
    return tuple(sorted(found))


def _asks_for_metrics(autoscaler: Object, target: Target) -> bool:
    """Whether the sync gets as far as asking for metrics of pods."""
    if target.scale is None:
        return False
    spec, replicas = autoscaler["spec"], target.scale["spec"].get("replicas", 0)
    least = spec.get("minReplicas", 1)
    in_bounds = least <= replicas <= spec["maxReplicas"]
    return in_bounds and any(metric.get("type") in ("Resource", "ContainerResource") for metric in spec.get("metrics") or ())
