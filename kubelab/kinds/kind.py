"""What a kind *is*: names, scope, schema, defaults, validation, columns. One ``Kind`` value per kind, in one module each.

upstream: the ``Strategy`` values of pkg/registry/*/*/strategy.go and pkg/printers/internalversion/printers.go, 1.28.

Adding a kind = one module in ``kubelab/kinds/<group>/`` with ``KIND = Kind(...)``; ``registry.py`` finds it by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kubelab.kinds.field import FieldError

Object = dict[str, Any]
_NO_GATES: Mapping[str, bool] = {}


class Conversion(NamedTuple):
    """Another served form of what is stored. Neither function changes what it is given.

    upstream: the functions that apimachinery/pkg/conversion registers for a version.
    """

    to_stored: Callable[[Object], Object]
    from_stored: Callable[[Object], Object]


_NO_CONVERSIONS: Mapping[str, Conversion] = {}


class Context(NamedTuple):
    """What a strategy may know besides the object.

    ``now`` is RFC 3339 text at second resolution, ``now_ns`` the same instant in integer nanoseconds; ``gates`` maps feature gate names
    to their value; ``release`` is ``"1.28"`` or ``"1.7"``. ``as_group`` is the group that the request named, where an object is served
    by two (Event); "" means the kind's own.
    """

    now: str
    now_ns: int
    release: str = "1.28"
    gates: Mapping[str, bool] = _NO_GATES
    as_group: str = ""


def _nothing(obj: Object, ctx: Context) -> None:
    return None


def _nothing_update(obj: Object, old: Object, ctx: Context) -> None:
    return None


def _no_errors(obj: Object, ctx: Context) -> list[FieldError]:
    return []


def _no_update_errors(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return []


def _no_conditions(obj: Object) -> list[Object]:
    return []


def _no_fields(obj: Object) -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Column:
    """A printer column: name, OpenAPI type and format, description, priority (0: always, 1: ``-o wide``), and its cell.

    ``cell(obj, now_ns)`` returns the cell as the server prints it (ages as ``5m``).
    """

    name: str
    cell: Callable[[Object, int], Any]
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. The functions named "in place" get an object that belongs to the caller and may change it; all others only read.

    ``default``: in place, upstream's SetDefaults and SetObjectDefaults of the served version.
    ``prepare_create``: in place, the strategy's PrepareForCreate (drop status, disabled fields; generation is set by the request line).
    ``prepare_update``: in place, PrepareForUpdate (status := old status, immutable leftovers), without generation.
    ``prepare_status``: in place, the status strategy's PrepareForUpdate (spec and metadata := old's, as upstream lets through).
    ``validate``, ``validate_update``, ``validate_status``: findings in upstream's order, **without** generic metadata errors, which the
    request line adds (``names.validate_metadata``) where upstream does. ``validate_update`` includes what ``validate`` says, if upstream does so.
    ``spec_changed``: whether an update raises metadata.generation (None: this kind has none).
    ``defaults_replace``: ``default`` sets whole fields of the object and changes nothing inside them.
    ``conversions``: by apiVersion, the forms of what is stored that are more than another apiVersion: an older version with other fields, a
    second group (Event).
    ``as_read``: what a read shows where that is not what is stored (a clock's time); it only reads.
    ``warnings``: the strategy's warnings for create and update.
    ``resource``: the storage name, ``pods`` or ``deployments.apps``; ``asked``: the name under which it is served, which is another one where
    an older release serves a kind in another group (``deployments.extensions``). ``release`` is the one whose table has it; ``stored_in``
    and ``stored_version`` are set where storage differs from what is served (``kinds/release.py``).
    """

    kind: str
    plural: str
    group: str = ""
    versions: tuple[str, ...] = ("v1",)
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    namespaced: bool = True
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
    definition: str = ""
    default: Callable[[Object, Context], None] = _nothing
    prepare_create: Callable[[Object, Context], None] = _nothing
    prepare_update: Callable[[Object, Object, Context], None] = _nothing_update
    prepare_status: Callable[[Object, Object, Context], None] | None = None
    validate: Callable[[Object, Context], list[FieldError]] = _no_errors
    validate_update: Callable[[Object, Object, Context], list[FieldError]] = _no_update_errors
    validate_status: Callable[[Object, Object, Context], list[FieldError]] = _no_update_errors
    validate_name: Callable[[str, bool], list[str]] | None = None
    spec_changed: Callable[[Object, Object], bool] | None = None
    warnings: Callable[[Object, Object | None, Context], Sequence[str]] | None = None
    as_read: Callable[[Object, Context], Object] | None = None
    conversions: Mapping[str, Conversion] = field(default_factory=lambda: _NO_CONVERSIONS, hash=False)
    selectable: Callable[[Object], dict[str, str]] = _no_fields
    selectable_names: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    row_conditions: Callable[[Object], list[Object]] = _no_conditions
    graceful_delete: bool = False
    delete_returns_object: bool = False
    orphans_by_default: bool = False
    create_on_update: bool = False
    update_needs_resource_version: bool = False
    defaults_replace: bool = False
    release: str = "1.28"
    stored_in: str = ""
    stored_version: str = ""
    resource: str = field(init=False)
    asked: str = field(init=False)

    def __post_init__(self) -> None:
        asked = f"{self.plural}.{self.group}" if self.group else self.plural
        object.__setattr__(self, "asked", asked)
        object.__setattr__(self, "resource", self.stored_in or asked)

    @property
    def api_version(self) -> str:
        """The storage version as objects carry it: ``v1``, ``apps/v1``."""
        if self.stored_version:
            return self.stored_version
        return f"{self.group}/{self.versions[0]}" if self.group else self.versions[0]

    @property
    def stored_as_sent(self) -> bool:
        """Whether neither defaults nor a strategy change parts of an object (Event, Lease, slices): what is stored may share them."""
        if self.prepare_create is not _nothing or self.prepare_update is not _nothing_update:
            return False
        return self.default is _nothing or self.defaults_replace

    def qualified(self) -> str:
        """The kind as error messages name it: ``Pod``, ``Deployment.apps``."""
        return f"{self.kind}.{self.group}" if self.group else self.kind
