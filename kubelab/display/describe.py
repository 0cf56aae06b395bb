"""What each thing of the front door shows: found by its type, told in blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import yaml

from kubelab.cluster import references, tables
from kubelab.cluster.errors import ApiError, UnknownReference, Unsettled
from kubelab.cluster.explaining import Explanation
from kubelab.cluster.handle import Cluster
from kubelab.cluster.rollout import Rollout
from kubelab.cluster.why_not import Answer
from kubelab.display.blocks import Block, Either, Folded, Heading, Lines, table
from kubelab.display.overview import overview
from kubelab.engine.plan import Act, Call, Plan
from kubelab.kinds.kind import Kind
from kubelab.store.log import Object

ROWS = 200  # of a list that are shown


def blocks_of(thing: Any, now_ns: int | None = None) -> list[Block]:
    """Anything that the front door gives, in blocks; what is not known, as Python prints it."""
    for kind, told in _BY_TYPE:
        if isinstance(thing, kind):
            return told(thing)
    if isinstance(thing, dict) and thing.get("kind") == "Status":
        return _error(ApiError(thing))
    if isinstance(thing, dict) and "kind" in thing and "metadata" in thing:
        return _list(thing["items"], now_ns) if isinstance(thing.get("items"), list) else _object(thing, now_ns)
    if isinstance(thing, (list, tuple)) and all(isinstance(each, dict) and "metadata" in each for each in thing):
        return _list(thing, now_ns)
    return [Lines((repr(thing),))]


def _object(obj: Object, now_ns: int | None) -> list[Block]:
    kind = _kind_of(obj)
    name = obj["metadata"].get("name", "")
    shown = {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "managedFields"}}
    text = yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=120)
    rows = [table(_rows(kind, [obj], now_ns))] if kind is not None and kind.columns else []
    return [Heading(f"{obj['kind']} {name}"), *rows, Folded("YAML", text)]


def _list(objects: Sequence[Object], now_ns: int | None) -> list[Block]:
    """A table per kind, in the order of appearance."""
    if not objects:
        return [Lines(("No resources found",))]
    by_kind: dict[tuple[str, str], list[Object]] = {}
    for obj in objects:
        by_kind.setdefault((obj.get("apiVersion", ""), obj.get("kind", "")), []).append(obj)
    blocks: list[Block] = []
    for (_, name), members in by_kind.items():
        if len(by_kind) > 1:
            blocks.append(Heading(name))
        kind = _kind_of(members[0])
        rows = _rows(kind, members, now_ns) if kind is not None else [["NAME"], *([each["metadata"]["name"]] for each in members)]
        blocks.append(table(rows, ROWS))
    return blocks


def _kind_of(obj: Object) -> Kind | None:
    try:
        return references.parse(obj).kind
    except UnknownReference:
        return None


def _rows(kind: Kind, objects: Sequence[Object], now_ns: int | None) -> list[list[str]]:
    """kubectl's cells; without a "now" there are no ages; with a namespace column if there are several."""
    several = len({obj["metadata"].get("namespace", ""): None for obj in objects}) > 1
    rows = tables.cells(kind, objects, now_ns or 0, namespaces=several)
    if now_ns is not None or "AGE" not in rows[0]:
        return rows
    at = rows[0].index("AGE")
    return [row[:at] + row[at + 1 :] for row in rows]


def _plan(plan: Plan) -> list[Block]:
    """Its calls in the order of sending, each with its reason; then what it waits for, and when it looks again."""
    rows = [["BATCH", "CALL", "BECAUSE"]]
    for number, batch in enumerate(plan.batches, 1):
        rows += [[str(number), _work(work), str(work.because or "; ".join(map(str, plan.because)))] for work in batch.calls]
    lines = [f"because {because}" for because in plan.because] if not plan.batches else []
    lines += [f"event {event.type} {event.reason}: {event.message}" for event in plan.events]
    if plan.again_ns is not None:
        lines.append(f"looks again after {plan.again_ns / 1e9:g} s")
    calls = len(plan.calls)
    heading = "Plan: nothing to do" if not calls else f"Plan: {calls} call{'s' if calls > 1 else ''}"
    blocks: list[Block] = [Heading(heading)]
    if calls:
        blocks.append(table(rows, ROWS, wrap=True))
    if lines:
        blocks.append(Lines(tuple(lines)))
    if plan.error:
        blocks.append(Lines((f"error: {plan.error}",), bad=True))
    return blocks


def _work(work: Call | Act) -> str:
    if isinstance(work, Act):
        return f"{work.name} ({work.duration_ns / 1e9:g} s)"
    target = f"{work.resource}/{work.subresource}" if work.subresource else work.resource
    return f"{work.verb} {target} {work.name or _generated(work)}".rstrip()


def _generated(call: Call) -> str:
    meta = call.body.get("metadata") or {} if isinstance(call.body, dict) else {}
    return f"{meta['generateName']}…" if meta.get("generateName") else ""


def _explanation(found: Explanation) -> list[Block]:
    rows = [["SECONDS", "WHO", "DID", "BECAUSE"]]
    rows += [[f"{step.seconds:.3f}", step.who, step.what, step.because] for step in found.steps]
    return [Heading(f"How {found.subject} came to be as it is"), Either(table(rows, ROWS, wrap=True), "\n".join(map(str, found.steps)))]


def _answer(answer: Answer) -> list[Block]:
    head = f"{answer.subject}: {answer.who}" if answer.who else answer.subject
    blocks: list[Block] = [Heading(head), Lines((answer.reason,), bad=not answer.fine)]
    if answer.details:
        blocks.append(Lines(tuple(f"– {line}" for line in answer.details)))
    return blocks


def _rollout(rollout: Rollout) -> list[Block]:
    rows = [["REVISION", "IMAGES", "CHANGE-CAUSE"]]
    for revision in rollout.history():
        images = ", ".join(container.get("image", "") for container in revision.template["spec"].get("containers") or ())
        rows.append([str(revision.revision), images, revision.change_cause])
    return [Heading(repr(rollout)), table(rows)]


def _error(error: ApiError) -> list[Block]:
    causes = [f"– {cause.get('field', '')}: {cause.get('message', '')}" for cause in error.causes if cause.get("field")]
    text = yaml.safe_dump(error.status, sort_keys=False, allow_unicode=True)
    return [Heading(f"{error.code} {error.reason}".strip()), Lines((str(error),), bad=True), Lines(tuple(causes)), Folded("Status", text)]


def _unsettled(error: Unsettled) -> list[Block]:
    blocks: list[Block] = [Lines((str(error).partition("\n")[0],), bad=True)]
    if error.moving:
        blocks += [Heading("Still moving"), Lines(tuple(f"– {line}" for line in error.moving))]
    return blocks


def _other_error(error: Exception) -> list[Block]:
    return [Lines((f"{type(error).__name__.rstrip('_')}: {error}",), bad=True)]


_BY_TYPE: tuple[tuple[type, Callable[[Any], list[Block]]], ...] = (
    (Cluster, overview),
    (Plan, _plan),
    (Explanation, _explanation),
    (Answer, _answer),
    (Rollout, _rollout),
    (ApiError, _error),
    (Unsettled, _unsettled),
    (Exception, _other_error),
)
