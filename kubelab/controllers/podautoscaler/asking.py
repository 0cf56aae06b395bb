"""What an autoscaler asks the API server before it decides: the target's scale, then the metrics of the pods that the scale selects.

Both are live reads, not views of a watch: upstream's scale and metrics clients keep no cache. Each is an act that takes a read's time, goes
through the request line under the controller's identity, and notes its answer for the next step of the same sync.

upstream: staging/src/k8s.io/client-go/scale/client.go, pkg/controller/podautoscaler/metrics/client.go, 1.28.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubelab.apiserver.request import ListOptions, Origin, Request, Response
from kubelab.engine.plan import Act, Because, Plan
from kubelab.store.log import Object
from kubelab.world.codec import value

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine

ANSWERS = "answers"
GET_SCALE, LIST_METRICS = "get-scale", "list-metrics"
PODS_METRICS = "pods.metrics.k8s.io"
_GENERIC = ("the server could not find the requested resource", "the server is currently unable to handle the request")


@value
class Answer(NamedTuple):
    """What this sync has been told so far: the scale or why there is none, the PodMetrics (None: not asked for yet) or why there are none."""

    scale: Object | None
    error: str = ""
    metrics: tuple[Object, ...] | None = None
    metrics_error: str = ""


def get_scale(place: tuple[str, str], resource: str, name: str, duration_ns: int, because: Because) -> Act:
    return Act(GET_SCALE, (*place, resource, name, duration_ns, str(because)), duration_ns, because)


def list_metrics(place: tuple[str, str], selector: str, duration_ns: int, because: Because) -> Act:
    return Act(LIST_METRICS, (*place, selector, duration_ns, str(because)), duration_ns, because)


def ask(engine: Engine, component: str, act: Act) -> Plan:
    """Do one of the two, and note the answer."""
    namespace, autoscaler, asked, *rest = act.arguments
    place = (namespace, autoscaler)
    duration_ns, because = rest[-2:]
    origin = Origin(component, f"{namespace}/{autoscaler}", engine.wake, 0, because, 0, duration_ns, True)
    if act.name == GET_SCALE:
        response = _send(engine, component, Request("get", asked, namespace, rest[0], "scale", origin=origin))
        answer = Answer(response.object) if response.code < 400 else Answer(None, _words(response))
    else:
        request = Request("list", PODS_METRICS, namespace, list_options=ListOptions(label_selector=asked), origin=origin)
        response = _send(engine, component, request)
        known: Answer = engine.runners[component].memory[ANSWERS][place]
        if response.code < 400:
            answer = known._replace(metrics=tuple(response.object.get("items") or ()))
        else:
            words = _words(response)
            answer = known._replace(metrics=(), metrics_error=f"{words} (get {PODS_METRICS})" if words in _GENERIC else words)
    return Plan(note={ANSWERS: {place: answer}})


def _send(engine: Engine, component: str, request: Request) -> Response:
    runner = engine.runners[component]
    return engine.handle(request._replace(user=runner.user, user_agent=runner.component.identity.agent))


def _words(response: Response) -> str:
    return response.object.get("message") or "refused"
