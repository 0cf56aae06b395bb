"""Requests and responses, as values: what every caller hands to the request line, and what it gets back.

upstream: apiserver/pkg/endpoints/request (RequestInfo), apimachinery/pkg/apis/meta/v1 (Create-, Update-, Patch-, DeleteOptions).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kubelab.store.log import Commit
from kubelab.world.codec import value

PATCH_TYPES = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": "apply",
}


@value
class User(NamedTuple):
    """Who calls: name, groups, extra (upstream: user.Info)."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


ADMIN = User("kubernetes-admin", ("system:masters", "system:authenticated"))


class Options(NamedTuple):
    """Query options of a write. ``dry_run``: nothing is committed. ``field_validation``: Strict, Warn, Ignore."""

    dry_run: bool = False
    field_manager: str = ""
    field_validation: str = "Warn"
    force: bool | None = None


NO_OPTIONS = Options()


class ListOptions(NamedTuple):
    """Options of list, watch and deletecollection; texts as they came."""

    label_selector: str = ""
    field_selector: str = ""
    limit: int = 0
    continue_: str = ""
    resource_version: str = ""
    resource_version_match: str = ""
    send_initial_events: bool | None = None
    allow_watch_bookmarks: bool = False
    timeout_seconds: int = 0


NO_LIST_OPTIONS = ListOptions()


class Origin(NamedTuple):
    """Where a call comes from, for the record: see ``CallRecord``. ``typed``: a typed client, whose body needs no decoding check."""

    component: str = ""
    key: str = ""
    wake: int = 0
    cause: int = 0
    because: str = ""
    wait_ns: int = 0
    latency_ns: int = 0
    typed: bool = False


USER_ORIGIN = Origin()


class Door(NamedTuple):
    """What only the audit wants to know of an HTTP request. ``caller``: who was authenticated, if the request acts as somebody else;
    ``options_version``: apiVersion of the DeleteOptions that a DELETE brought as its body ("": it brought none)."""

    caller: User | None = None
    audit_id: str = ""
    source_ips: tuple[str, ...] = ()
    accept: str = ""
    options_version: str = ""


NOBODY = User("")  # not authenticated


class Request(NamedTuple):
    """One call. ``version`` "" means the storage version; ``uri`` is kept for the record, if the call came as HTTP."""

    verb: str  # get, list, watch, create, update, patch, delete, deletecollection
    resource: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    version: str = ""
    body: Any = None
    patch_type: str = ""
    options: Options = NO_OPTIONS
    list_options: ListOptions = NO_LIST_OPTIONS
    user: User = ADMIN
    user_agent: str = "kubelab"
    origin: Origin = USER_ORIGIN
    uri: str = ""
    repeats: tuple[str, ...] = ()  # keys that stood twice in a YAML body
    refused: Exception | None = None  # what the door found wrong; said once the caller is authorized
    door: Door | None = None


@dataclass(slots=True)
class Response:
    """The answer. ``object`` is an object, a list, or a Status; ``commits`` what was written, if anything; ``warnings`` are header texts."""

    code: int
    object: Any
    commits: list[Commit] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.code < 400
