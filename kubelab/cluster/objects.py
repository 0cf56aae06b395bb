"""What the front door hands out: plain dicts and lists that belong to the caller, with a rich display in a notebook."""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.copying import private
from kubelab.cluster import looking


class ApiObject(dict[str, Any]):
    """An API object: a dict like any other, private to whoever got it; a notebook shows it as kubectl would, with its YAML below.

    ``now_ns`` is the instant at which it was handed out: ages refer to it.
    """

    def __init__(self, obj: dict[str, Any], now_ns: int) -> None:
        super().__init__(obj)
        self.now_ns = now_ns

    def _repr_html_(self) -> str:
        return looking.html_of(self, self.now_ns)


class ApiList(list[ApiObject]):
    """Objects of one kind; a notebook shows them as kubectl's table. ``now_ns`` is the instant to which ages refer."""

    def __init__(self, items: list[ApiObject], now_ns: int) -> None:
        super().__init__(items)
        self.now_ns = now_ns

    def _repr_html_(self) -> str:
        return looking.html_of(self, self.now_ns)


def owned(obj: Any, now_ns: int) -> ApiObject:
    """A copy that the caller may change."""
    return ApiObject(private(obj), now_ns)


def owned_list(objects: list[Any], now_ns: int) -> ApiList:
    return ApiList([ApiObject(item, now_ns) for item in private(objects)], now_ns)
