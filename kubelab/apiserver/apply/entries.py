"""The entries of ``metadata.managedFields``: read, written, ordered, and kept few.

upstream: staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal (managedfields.go, capmanagers.go, fieldmanager.go), 1.28.
Spec: apimachinery, section 6.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from kubelab.apiserver.apply.field_set import FieldsError, FieldSet, decode, encode, union

Object = dict[str, Any]

MAX_UPDATE_MANAGERS = 10
ANCIENT_CHANGES = "ancient-changes"
BEFORE_FIRST_APPLY = "before-first-apply"


@dataclass(frozen=True, slots=True)
class Manager:
    """Who owns fields, and how it came to them. ``api_version`` belongs to the identity of updaters only."""

    name: str
    operation: str
    api_version: str
    subresource: str

    @property
    def identifier(self) -> str:
        """Upstream's key of a manager; entries and conflicts are sorted by it."""
        return _identifier(self.name, self.operation, "" if self.operation == "Apply" else self.api_version, self.subresource)

    @property
    def description(self) -> str:
        """The manager as conflicts name it: ``"m" with subresource "status" using v1``."""
        shown = json.dumps(self.name, ensure_ascii=False)
        if self.subresource:
            shown += f' with subresource "{self.subresource}"'
        return f"{shown} using {self.api_version}" if self.operation == "Update" else shown


@lru_cache(maxsize=1024)
def _identifier(name: str, operation: str, api_version: str, subresource: str) -> str:
    parts = {"manager": name, "operation": operation, "apiVersion": api_version, "subresource": subresource}
    return json.dumps({key: value for key, value in parts.items() if value}, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Entry:
    """One manager's fields. ``time`` is RFC 3339 text or None; ``written`` is the entry as it was read, as long as nothing changed."""

    manager: Manager
    fields: FieldSet
    time: str | None
    written: Object | None = None

    def owning(self, fields: FieldSet) -> Entry:
        return self if fields is self.fields else replace(self, fields=fields, written=None)

    def at(self, time: str | None) -> Entry:
        return self if time == self.time else replace(self, time=time, written=None)


Managed = dict[str, Entry]
"""Entries by the identifier of their manager."""


def updater(name: str, api_version: str, subresource: str) -> Manager:
    return Manager(name or "unknown", "Update", api_version, subresource)


def applier(name: str, api_version: str, subresource: str) -> Manager:
    return Manager(name or "unknown", "Apply", api_version, subresource)


def read(entries: list[Object]) -> Managed:
    """The entries of an object. Raises FieldsError for those that no server can have written."""
    managed: Managed = {}
    for index, entry in enumerate(entries):
        operation, api_version = entry.get("operation"), entry.get("apiVersion")
        if operation not in ("Apply", "Update"):
            raise FieldsError("operation must be `Apply` or `Update`")
        if not api_version:
            raise FieldsError("apiVersion must not be empty")
        fields_type = entry.get("fieldsType")
        if not fields_type:
            raise FieldsError(f"missing fieldsType in managed fields entry {index}")
        if fields_type != "FieldsV1":
            raise FieldsError(f'invalid fieldsType "{fields_type}" in managed fields entry {index}')
        manager = Manager(entry.get("manager", ""), operation, api_version, entry.get("subresource", ""))
        managed[manager.identifier] = Entry(manager, decode(entry.get("fieldsV1") or {}), entry.get("time"), entry)
    return managed


def write(managed: Managed) -> list[Object]:
    """The entries as an object carries them: appliers first, then by time, manager, version, subresource."""
    return [_written(entry) for entry in sorted(managed.values(), key=_order)]


def _order(entry: Entry) -> tuple[str, str, str, str, str]:
    manager = entry.manager
    return (manager.operation, entry.time or "", manager.name, manager.api_version, manager.subresource)


def _written(entry: Entry) -> Object:
    if entry.written is not None:
        return entry.written
    manager = entry.manager
    out: Object = {"manager": manager.name, "operation": manager.operation, "apiVersion": manager.api_version}
    if entry.time is not None:
        out["time"] = entry.time
    out["fieldsType"] = "FieldsV1"
    out["fieldsV1"] = encode(entry.fields)
    if manager.subresource:
        out["subresource"] = manager.subresource
    return out


def of_request(live: list[Object], sent: list[Object] | None, subresource: str) -> list[Object]:
    """The entries that a write starts from: those sent with the object if they can be read, else the live ones; ``[]`` and ``[{}]`` reset.

    ``sent`` is None where the object carried none. Writes to subresources never change the entries by hand.
    """
    if subresource or sent is None:
        return live
    if sent in ([], [{}]):
        return []
    try:
        return sent if read(sent) else live
    except FieldsError:
        return live


def capped(managed: Managed, most: int = MAX_UPDATE_MANAGERS) -> Managed:
    """At most ``most`` updaters: the oldest merge into ``ancient-changes``, one entry per version."""
    updaters = [identifier for identifier, entry in managed.items() if entry.manager.operation == "Update"]
    excess = len(updaters) - most
    if excess <= 0:
        return managed
    managed = dict(managed)
    first_of_version: dict[str, str] = {}
    for identifier in sorted(updaters, key=lambda identifier: (managed[identifier].time or "", identifier)):
        if excess <= 0:
            break
        entry = managed[identifier]
        version = entry.manager.api_version
        first = first_of_version.setdefault(version, identifier)
        if first == identifier:
            continue
        bucket = Manager(ANCIENT_CHANGES, "Update", version, "")
        if bucket.identifier not in managed:
            managed[bucket.identifier] = Entry(bucket, managed.pop(first).fields, None)
        merged = union(entry.fields, managed[bucket.identifier].fields)
        if bucket.identifier != identifier:
            del managed[identifier]
        managed[bucket.identifier] = Entry(bucket, merged, entry.time)
        excess -= 1
    return managed
