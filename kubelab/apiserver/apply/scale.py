"""Field management of the scale subresource: owners of ``spec.replicas`` of the parent are those of the Scale's, and back again.

A write to ``/scale`` is three steps: ``entries_of_scale``, then ``fields_of_update`` or ``apply`` on the Scale (``autoscaling/v1``,
subresource ``scale``) with those entries, then ``entries_of_parent``.

upstream: staging/src/k8s.io/apimachinery/pkg/util/managedfields/scalehandler.go, 1.28. Spec: apimachinery, sections 6 and 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kubelab.apiserver.apply.entries import Entry, Managed, read, write
from kubelab.apiserver.apply.field_set import EMPTY, Path, difference, from_paths, has, union

Object = dict[str, Any]

SCALE_VERSION = "autoscaling/v1"
REPLICAS: Path = ("f:spec", "f:replicas")

Mappings = Mapping[str, Path | None]
"""The path of the replicas in each version of the parent; None where a version has no scale subresource."""


def entries_of_scale(parent: list[Object], mappings: Mappings) -> list[Object]:
    """The managedFields of the Scale: the parent's owners of the replicas. Raises FieldsError."""
    managed: Managed = {}
    for identifier, entry in read(parent).items():
        path = mappings.get(entry.manager.api_version)
        if path is not None and has(entry.fields, path):
            managed[identifier] = Entry(replace(entry.manager, api_version=SCALE_VERSION), from_paths([REPLICAS]), entry.time)
    return write(managed)


def entries_of_parent(parent: list[Object], scale: list[Object], api_version: str, mappings: Mappings) -> list[Object]:
    """The parent's managedFields after a write to its Scale: who lost the replicas there loses them here. Raises FieldsError.

    Appliers keep their identity across both; updaters get a new entry without a time, as upstream.
    """
    left = read(scale)
    managed: Managed = {}
    times: dict[str, str | None] = {}
    for identifier, entry in read(parent).items():
        times[identifier] = entry.time
        if entry.manager.api_version not in mappings:
            continue
        path = mappings[entry.manager.api_version]
        if path is not None and has(entry.fields, path) and left.pop(identifier, None) is None:
            entry = entry.owning(difference(entry.fields, from_paths([path])))
        if entry.fields:
            managed[identifier] = entry
    path = mappings[api_version]
    for identifier, entry in left.items():
        if path is not None and has(entry.fields, REPLICAS):
            manager = replace(entry.manager, api_version=api_version)
            known = managed.get(manager.identifier)
            fields = union(from_paths([path]), known.fields if known is not None else EMPTY)
            managed[manager.identifier] = Entry(manager, fields, times.get(identifier))
    return write(managed)
