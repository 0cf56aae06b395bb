"""What an admission plug-in is, and what it is given.

upstream: apiserver/pkg/admission/{interfaces,attributes}.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from kubelab.apiserver import status
from kubelab.apiserver.request import Options, User
from kubelab.kinds.kind import Context, Kind
from kubelab.store.log import Object
from kubelab.store.state import State
from kubelab.world.streams import Streams


@dataclass(slots=True)
class Attributes:
    """One write under admission. ``object`` belongs to the request (plug-ins change it in place); ``old`` is shared and must not change.

    ``name`` is the name that the request gives, "" while a generated one does not exist yet. ``warnings`` go into the answer's headers,
    ``annotations`` into the audit (None: the call is not recorded).
    """

    operation: str  # CREATE, UPDATE, DELETE
    kind: Kind
    subresource: str
    namespace: str
    name: str
    object: Object | None
    old: Object | None
    user: User
    options: Options
    context: Context
    warnings: list[str] = field(default_factory=list)
    annotations: dict[str, str] | None = None


class Cluster(NamedTuple):
    """What a plug-in may read and draw: the newest state, random streams, and a way to write as the server itself.

    ``write(resource, namespace, name, object)`` replaces an object in one commit, as the server itself.
    ``authorize(user, verb, kind_resource, subresource, namespace, name) -> bool`` asks the authorizer.
    """

    state: State
    streams: Streams
    write: Callable[[str, str, str, Object], None]
    authorize: Callable[[User, str, str, str, str, str], bool]


class Plugin(Protocol):
    """An admission plug-in. ``handles`` lists (operation, resource) it wants to see; resource "*" means all; subresources as ``pods/status``.

    A plug-in with no part in a phase sets that method to ``nothing``, and is then not called for it. ``needs`` names a resource without which,
    in the object's namespace, there is nothing to do ("": always called).
    """

    @property
    def name(self) -> str: ...

    @property
    def handles(self) -> Iterable[tuple[str, str]]: ...

    @property
    def needs(self) -> str: ...

    def admit(self, attributes: Attributes, cluster: Cluster) -> None:
        """Mutate ``attributes.object`` in place; raise ``ApiFailure`` to refuse."""

    def validate(self, attributes: Attributes, cluster: Cluster) -> None:
        """Refuse by raising ``ApiFailure``."""


def nothing(plugin: Any, attributes: Attributes, cluster: Cluster) -> None:
    """The phase of a plug-in that has no part in it."""
    return None


def named(attributes: Attributes) -> str:
    """The object's name for a message, its generateName before the name exists, else Unknown.

    upstream: apiserver/pkg/admission/errors.go extractResourceName
    """
    if attributes.name:
        return attributes.name
    meta: Any = (attributes.object or {}).get("metadata") or {}
    return str(meta.get("name") or meta.get("generateName") or "Unknown")


def forbidden(attributes: Attributes, why: str) -> status.ApiFailure:
    """A plug-in's refusal, 403."""
    return status.forbidden(attributes.kind, named(attributes), why)
