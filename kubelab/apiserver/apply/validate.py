"""Whether an applied object conforms to its shape, said in upstream's words.

upstream: sigs.k8s.io/structured-merge-diff/v4/typed/validate.go, 4.2.3. Spec: apimachinery, section 6.
"""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.apply.field_set import element_text
from kubelab.apiserver.apply.shapes import DEDUCED, Shape
from kubelab.apiserver.apply.typed import TypedError, list_element
from kubelab.apiserver.patch.errors import go_type, go_value

Problem = tuple[str, str]


def check(shape: Shape, value: Any) -> None:
    """Raises TypedError naming every field that the schema does not have or that has another type."""
    problems = _problems(shape, value, "")
    if problems:
        shown = [f"{path}: {text}" if path else text for path, text in problems]
        raise TypedError(shown[0] if len(shown) == 1 else "\n  ".join(["errors:", *shown]))


def _problems(shape: Shape, value: Any, path: str) -> list[Problem]:
    if value is None:
        return []
    if shape.kind in ("struct", "map") or shape.kind == "any" and isinstance(value, dict):
        return _map_problems(shape, value, path)
    if shape.kind == "list":
        return _list_problems(shape, value, path)
    return [] if shape.kind == "any" else _scalar_problems(shape, value, path)


def _map_problems(shape: Shape, value: Any, path: str) -> list[Problem]:
    if not isinstance(value, dict):
        return [(path, f"expected map, got &{{{go_value(value)}}}")]
    problems: list[Problem] = []
    for key, child in value.items():
        if shape.kind == "struct" and shape.field(key) is None and shape.open_to is None:
            return [*problems, (f"{path}.{key}", "field not declared in schema")]
        problems += _problems(shape.member(key), child, f"{path}.{key}")
    return problems


def _list_problems(shape: Shape, value: Any, path: str) -> list[Problem]:
    if not isinstance(value, list):
        return [(path, f"expected list, got &{{{go_value(value)}}}")]
    problems: list[Problem] = []
    seen: set[str] = set()
    for index, child in enumerate(value):
        try:
            element = list_element(shape, index, child) if shape.associative else f"i:{index}"
        except TypedError as error:
            return [*problems, (path, str(error))]
        if element in seen:
            problems.append((path, f"duplicate entries for key {element_text(element)}"))
        seen.add(element)
        problems += _problems(shape.items or DEDUCED, child, path + element_text(element))
    return problems


def _scalar_problems(shape: Shape, value: Any, path: str) -> list[Problem]:
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
    if shape.scalar == "numeric" and not numeric:
        return [(path, f"expected numeric (int or float), got {go_type(value)}")]
    if shape.scalar == "string" and not isinstance(value, str):
        return [(path, f"expected string, got &value.valueUnstructured{{Value:{_go_syntax(value)}}}")]
    if shape.scalar == "boolean" and not isinstance(value, bool):
        return [(path, f"expected boolean, got &{{{go_value(value)}}}")]
    return []


def _go_syntax(value: Any) -> str:
    """A value as ``%#v`` prints it."""
    match value:
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case list():
            return "[]interface {}{" + ", ".join(map(_go_syntax, value)) + "}"
        case dict():
            return "map[string]interface {}{" + ", ".join(f'"{key}":{_go_syntax(value[key])}' for key in sorted(value)) + "}"
        case None:
            return "interface {}(nil)"
        case _:
            return go_value(value)
