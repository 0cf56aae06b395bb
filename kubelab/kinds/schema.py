"""What every field of every kind is: type, Go type, list type, merge key. Facts from ``data/schema-1.28.json`` and, for a cluster of that
release, ``data/schema-1.7.json``, read when first asked for.

``tools/make_schema.py`` writes those files. A row has short keys: ``t`` type, ``r`` struct, ``i`` item, ``g`` Go type, ``p`` pointer, ``z`` written
even if zero, ``q`` required, ``k`` merge key, ``s`` patch strategy, ``l`` list type, ``m`` map keys, ``a`` map type. The lab's own kinds, and
metrics.k8s.io, add theirs in the same form: ``kubelab.kinds.lab.schema.SCHEMA = {"kinds": {"group/version/Kind": struct}, "structs":
{struct: {field: row}}}``.

upstream: staging/src/k8s.io/api/*/v*/types.go, api/openapi-spec/swagger.json, 1.28; pkg/api/v1/types.go, pkg/apis/*/v*/types.go, 1.7.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubelab.kinds.kind import Kind

_GO = {"string": "string", "integer": "int32", "boolean": "bool", "number": "float64", "bytes": "[]uint8"}
_ZEROS = {"string": "", "integer": 0, "number": 0, "boolean": False, "int-or-string": 0}
_OLD_VERSIONS = {"policy/v1beta1": "policy/v1", "batch/v1beta1": "batch/v1", "discovery.k8s.io/v1beta1": "discovery.k8s.io/v1"}
_OWN_GROUPS = ("lab.kubelab.dev", "audit.k8s.io", "metrics.k8s.io", "kubescheduler.config.k8s.io")  # the same under every release
_STORED_FORMS = ("autoscaling/v2",)  # in which an older release's objects are kept, though it does not serve them
_OWN = ("kubelab.kinds.lab.schema", "kubelab.kinds.metrics.schema", "kubelab.kinds.audit.schema", "kubelab.kinds.schedulerconfig.schema")


@dataclass(frozen=True, slots=True)
class Field:
    """One field, list item or map value.

    ``type``: string, integer, number, boolean, struct, map, list, any, quantity, int-or-string, time, micro-time, bytes. ``ref`` names the
    struct of a ``struct``; ``items`` describes the items of a list or the values of a map; ``go`` is the Go type that decoding errors name.
    ``pointer`` and ``omit_empty`` are Go's: a zero value that is no pointer and may be omitted is never written.
    """

    type: str
    ref: str = ""
    items: Field | None = None
    required: bool = False
    merge_key: str = ""
    patch_strategy: str = ""
    list_type: str = ""
    map_keys: tuple[str, ...] = ()
    map_type: str = ""
    go: str = ""
    pointer: bool = False
    omit_empty: bool = True


@dataclass(frozen=True, slots=True)
class Struct:
    """``always`` names the fields that Go writes even when nobody set them, each with its struct or type: structs (as ``{}``), times (as
    null) and quantities (as ``"0"``) that are no pointers. ``zeros`` are the other fields without ``omitempty`` and what Go writes for them.
    """

    name: str
    fields: dict[str, Field]
    always: tuple[tuple[str, str], ...] = ()
    zeros: tuple[tuple[str, Any], ...] = ()

    @property
    def go_name(self) -> str:
        """The struct as decoding errors name it: ``DeploymentSpec``."""
        return self.name.rsplit(".", 1)[-1]


@cache
def struct(name: str) -> Struct:
    """A struct by its short name, ``core.v1.PodSpec``; of 1.7 it is ``1.7:core.v1.PodSpec``. Raises KeyError."""
    release, _, bare = name.rpartition(":")
    fields = {field: _field(row, release) for field, row in _facts(release or "1.28")["structs"][bare].items()}
    always = tuple(
        (key, field.ref or field.type)
        for key, field in fields.items()
        if not field.pointer and field.type in ("struct", "time", "micro-time", "quantity")
    )
    settled = {key for key, _ in always}
    zeros = tuple(
        (key, None if field.pointer else _ZEROS.get(field.type))
        for key, field in fields.items()
        if not field.omit_empty and key not in settled
    )
    return Struct(name, fields, always, zeros)


@cache
def for_kind(group: str, version: str, kind: str, release: str = "1.28") -> Struct | None:
    """The struct of a kind, ``for_kind("apps", "v1", "Deployment")``; None for a kind that no table of the release knows."""
    if release != "1.28" and group not in _OWN_GROUPS and f"{group}/{version}" not in _STORED_FORMS:
        name = _facts(release)["kinds"].get(f"{group}/{version}/{kind}")
        return struct(f"{release}:{name}") if name else None
    if kind == "DeleteOptions":
        return struct("meta.v1.DeleteOptions")
    kinds = _facts("1.28")["kinds"]
    place = f"{group}/{version}"
    name = kinds.get(f"{place}/{kind}") or kinds.get(f"{_OLD_VERSIONS.get(place, place)}/{kind}")
    return struct(name) if name else None


def of(kind: Kind, version: str = "") -> Struct | None:
    """The struct of a kind in one of its versions, as its release knows it; "": the first."""
    return for_kind(kind.group, version or kind.versions[0], kind.kind, kind.release)


@cache
def _facts(release: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(files("kubelab.kinds").joinpath(f"data/schema-{release}.json").read_text())
    for name in _OWN if release == "1.28" else ():
        own = import_module(name).SCHEMA
        loaded = {part: {**loaded[part], **own[part]} for part in ("kinds", "structs")}
    return loaded


def _field(row: dict[str, Any], release: str) -> Field:
    kind, ref = row["t"], row.get("r", "")
    return Field(
        type=kind,
        ref=f"{release}:{ref}" if release and ref else ref,
        items=_field(row["i"], release) if "i" in row else None,
        required="q" in row,
        merge_key=row.get("k", ""),
        patch_strategy=row.get("s", ""),
        list_type=row.get("l", ""),
        map_keys=tuple(row.get("m", ())),
        map_type=row.get("a", ""),
        go=row.get("g") or (f"v1.{ref.rsplit('.', 1)[-1]}" if ref else _GO.get(kind, "")),
        pointer="p" in row,
        omit_empty="z" not in row,
    )
