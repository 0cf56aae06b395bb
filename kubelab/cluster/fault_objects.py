"""``c.fault``: a Fault from keyword arguments, with every target checked before anything is created."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import TYPE_CHECKING, Any

from kubelab.cluster.active import CONTROLLER_NAME
from kubelab.cluster.breaking import BUILT, ON_NODES
from kubelab.cluster.faults import RESOURCE
from kubelab.kinds import registry
from kubelab.kinds.kind import Object
from kubelab.kinds.lab.fault import TAKES, TARGETS
from kubelab.kinds.lab.fault_parameters import PARAMETERS
from kubelab.kinds.selectors import format_selector, matches_selector

if TYPE_CHECKING:
    from kubelab.engine.engine import Engine

LISTS = ("components", "images", "nodes", "resources")
ALWAYS = ("duration", "name", "start")
DURATIONS = ("critical", "delay", "grace")
SHOWN = 8


def fault_object(engine: Engine, kind: str, fields: dict[str, Any]) -> Object:
    """A Fault from ``Cluster.fault``'s arguments; ValueError names the type, argument or target that is not there, and those that are.

    Parameters may be given as ``parameters={…}`` or as arguments of their own names (``from_`` for ``from``).
    """
    if kind not in BUILT:
        raise ValueError(f"fault {kind!r} is not built: use one of {', '.join(BUILT)}")
    fields = _with_parameters(kind, fields)
    _check_targets(engine, kind, fields)
    taken = engine.store.head.all(RESOURCE)
    free = next(number for number in count(1) if ("", f"{kind.lower()}-{number}") not in taken)
    name = fields.pop("name", None) or f"{kind.lower()}-{free}"
    spec = {"type": kind, **{key: list(item) if isinstance(item, tuple) else item for key, item in fields.items() if item is not None}}
    if "duration" in spec and not isinstance(spec["duration"], str):
        spec["duration"] = f"{spec['duration']}s"
    return {"apiVersion": "lab.kubelab.dev/v1", "kind": "Fault", "metadata": {"name": name}, "spec": spec}


def _with_parameters(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of the spec: what is none of its own is a parameter of the type."""
    known, parameters = PARAMETERS.get(kind, {}), dict(fields.get("parameters") or {})
    out: dict[str, Any] = {}
    for field, given in fields.items():
        plain = field.rstrip("_")
        if field in (*TAKES[kind], *ALWAYS):
            if field in LISTS and isinstance(given, str):
                raise ValueError(f"{field}={given!r}: give a list, such as [{given!r}]")
            out[field] = given
        elif plain in known:
            parameters[plain] = given
        elif field != "parameters":
            raise ValueError(f"{kind} has no {field!r}: it takes {', '.join((*TAKES[kind], *known, *ALWAYS))}")
    if parameters:
        out["parameters"] = {name: _text(name, given) for name, given in parameters.items()}
    return out


def _text(name: str, given: Any) -> str:
    if isinstance(given, (list, tuple)):
        return ",".join(map(str, given))
    return f"{given}s" if name in DURATIONS and not isinstance(given, str) else str(given)


def _check_targets(engine: Engine, kind: str, fields: dict[str, Any]) -> None:
    """Every target must be there, and there must be one."""
    nodes = [name for name in engine.machines if name]
    _check(fields.get("nodes"), "node", nodes)
    _check(fields.get("components"), "component", [name for name in engine.runners if name != CONTROLLER_NAME])
    if fields.get("resources"):
        fields["resources"] = [_resource(word) for word in fields["resources"]]
    wanted = TARGETS[kind]
    if wanted and not any(fields.get(field) for field in wanted):
        raise ValueError(f"{kind} hits nothing: give {' or '.join(f'{field}=' for field in wanted)}")
    selector = fields.get("selector")
    if selector is None or kind not in ON_NODES:
        return
    if not isinstance(selector, dict):
        raise ValueError(f'selector={selector!r}: give a LabelSelector, such as {{"matchLabels": {{"kubernetes.io/hostname": "node-1"}}}}')
    labels = [node["metadata"].get("labels") for node in engine.store.head.all("nodes").values()]
    if not fields.get("nodes") and not any(matches_selector(selector, each) for each in labels):
        raise ValueError(f"{kind} hits nothing: no node matches {format_selector(selector)}: there are {_shown(nodes)}")


def _resource(word: str) -> str:
    """A resource as calls name it: ``pods``, ``deployments.apps``; kubectl's words for it will do."""
    found = registry.lookup(word)
    if found is None:
        raise ValueError(f"there is no resource {word!r}: name one as kubectl does, such as pods or deployments.apps")
    return found.resource


def _check(named: Iterable[str] | None, what: str, known: list[str]) -> None:
    for name in named or ():
        if name not in known:
            raise ValueError(f"there is no {what} {name!r}: there are {_shown(known)}")


def _shown(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")
