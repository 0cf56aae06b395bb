"""Acting as somebody else: the ``Impersonate-…`` headers, each of which the caller must be allowed to use.

upstream: staging/src/k8s.io/apiserver/pkg/endpoints/filters/impersonation.go,
staging/src/k8s.io/apiserver/pkg/authentication/serviceaccount/util.go (SplitUsername), 1.28.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from kubelab.apiserver import status
from kubelab.apiserver.authorization import check
from kubelab.apiserver.request import User
from kubelab.kinds.names import is_dns1123_label, is_dns1123_subdomain

if TYPE_CHECKING:
    from kubelab.apiserver.server import ApiServer

Headers = Mapping[str, "str | Sequence[str]"]
ANONYMOUS = "system:anonymous"
AUTHENTICATED, UNAUTHENTICATED = "system:authenticated", "system:unauthenticated"
_EXTRA = "impersonate-extra-"
_GROUP = "authentication.k8s.io"
_MALFORMED = re.compile(r"%(?![0-9a-fA-F]{2})").search


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing to be: a resource as authorization sees it."""

    kind: str
    resource: str
    name: str
    namespace: str = ""
    subresource: str = ""

    def __str__(self) -> str:
        """Go's print of the ObjectReference that upstream makes of it."""
        version = f"{_GROUP}/v1" if self.resource.endswith(_GROUP) else ""
        return f"{{{self.kind} {self.namespace} {self.name}  {version}  {self.subresource}}}"


def impersonated(server: ApiServer, caller: User, headers: Headers) -> User:
    """Who the caller is to be for this request; the caller itself without such headers. Raises Forbidden, or 500 for headers without a user."""
    wishes = list(_wishes({name.lower(): [value] if isinstance(value, str) else list(value) for name, value in headers.items()}))
    if not wishes:
        return caller
    if wishes[0].kind not in ("User", "ServiceAccount"):
        listed = " ".join(map(str, wishes))
        raise status.plain_error(f"requested [{listed}] without impersonating a user")
    for wish in wishes:
        decision = check.can(server, caller, "impersonate", wish.resource, wish.subresource, wish.namespace, wish.name)
        if not decision.allowed:
            where = (wish.resource, wish.subresource, wish.namespace, wish.name)
            raise check.refusal(caller, "impersonate", *where, decision.reason)
    return _user(wishes)


def _wishes(headers: dict[str, list[str]]) -> Iterator[Wish]:
    for name in filter(None, headers.get("impersonate-user", [])[:1]):
        account = _account(name)
        yield Wish("ServiceAccount", "serviceaccounts", account[1], account[0]) if account else Wish("User", "users", name)
    for group in headers.get("impersonate-group", []):
        yield Wish("Group", "groups", group)
    for header, values in headers.items():
        if header.startswith(_EXTRA):
            escaped = header.removeprefix(_EXTRA)
            key = escaped if _MALFORMED(escaped) else unquote(escaped)
            for value in values:
                yield Wish("UserExtra", f"userextras.{_GROUP}", value, "", key)
    for uid in filter(None, headers.get("impersonate-uid", [])[:1]):
        yield Wish("UID", f"uids.{_GROUP}", uid)


def _account(name: str) -> tuple[str, str] | None:
    """Namespace and name, if a user name is a service account's."""
    parts = name.split(":")
    if len(parts) != 4 or parts[:2] != ["system", "serviceaccount"]:
        return None
    namespace, account = parts[2:]
    return None if is_dns1123_label(namespace) or is_dns1123_subdomain(account) else (namespace, account)


def _user(wishes: list[Wish]) -> User:
    first = wishes[0]
    groups = [wish.name for wish in wishes if wish.kind == "Group"]
    name = first.name
    if first.kind == "ServiceAccount":
        name = f"system:serviceaccount:{first.namespace}:{first.name}"
        groups = groups or ["system:serviceaccounts", f"system:serviceaccounts:{first.namespace}"]
    if name == ANONYMOUS:
        if UNAUTHENTICATED not in groups:
            groups.append(UNAUTHENTICATED)
    elif AUTHENTICATED not in groups and UNAUTHENTICATED not in groups:
        groups.append(AUTHENTICATED)
    extra: dict[str, tuple[str, ...]] = {}
    for wish in wishes:
        if wish.kind == "UserExtra":
            extra[wish.subresource] = (*extra.get(wish.subresource, ()), wish.name)
    uid = next((wish.name for wish in wishes if wish.kind == "UID"), "")
    return User(name, tuple(groups), uid, tuple(extra.items()))
