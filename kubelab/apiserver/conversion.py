"""Served forms of what is stored: a request's body into it, an answer out of it, and what each field manager sees of it.

upstream: apiserver/pkg/endpoints/handlers (the encoder and decoder of a scope's version), apimachinery/pkg/util/managedfields (its converter), 1.28.
What a form is belongs to its kind: ``Kind.conversions``.
"""

from __future__ import annotations

from kubelab.apiserver.apply.ownership import Convert
from kubelab.apiserver.request import Request
from kubelab.kinds import schema
from kubelab.kinds.kind import Conversion, Kind
from kubelab.kinds.older import without_unknown
from kubelab.kinds.schema import Struct
from kubelab.store.log import Object


def asked(kind: Kind, request: Request) -> Conversion | None:
    """The conversion between what is stored and the version that a request names; None where they differ by their name alone."""
    if not kind.conversions or not request.version:
        return None
    return kind.conversions.get(f"{kind.group}/{request.version}" if kind.group else request.version)


def stored_shape(kind: Kind, request: Request) -> Struct | None:
    """The schema of what becomes of a request's body."""
    if asked(kind, request) is None:
        return schema.of(kind, request.version)
    group, _, version = kind.api_version.rpartition("/")
    return schema.for_kind(group, version, kind.kind, kind.release)


def shown(kind: Kind, obj: Object, api_version: str) -> Object:
    """A stored object in a served form."""
    conversion = kind.conversions.get(api_version)
    if conversion is not None:
        return conversion.from_stored(obj)
    return obj if obj.get("apiVersion") == api_version else {**obj, "apiVersion": api_version}


def answered(kind: Kind, answer: Object) -> Object:
    """An object, or a list of them, of an older release in the form of the group and version by which its kind was asked for."""
    wanted = f"{kind.group}/{kind.versions[0]}" if kind.group else kind.versions[0]
    if "items" in answer:
        return {**answer, "items": [answered(kind, item) for item in answer["items"]]}
    if answer.get("kind") != kind.kind or answer.get("apiVersion") != kind.api_version:
        return answer
    return without_unknown(answer if wanted == kind.api_version else shown(kind, answer, wanted), schema.of(kind))


def between(kind: Kind) -> Convert | None:
    """How field managers of one version see an object of another; None where all see the same."""
    if not kind.conversions:
        return None

    def convert(obj: Object, api_version: str) -> tuple[Object, Struct | None]:
        conversion = kind.conversions.get(obj["apiVersion"])
        stored = obj if conversion is None else conversion.to_stored(obj)
        group, _, version = api_version.rpartition("/")
        return shown(kind, stored, api_version), schema.for_kind(group, version, kind.kind, kind.release)

    return convert
