"""Impersonation: who becomes whom, and who may not.

upstream: staging/src/k8s.io/apiserver/pkg/endpoints/filters/impersonation_test.go TestImpersonationFilter, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.apiserver.authorization.impersonation import impersonated
from kubelab.apiserver.request import User
from kubelab.apiserver.server import ApiServer
from kubelab.apiserver.status import ApiFailure
from tests.unit.apiserver_authorization import builders as b

EXTRA = "authentication.k8s.io"
DEV = User("dev", ("system:authenticated",))


def lab(*rules: Any) -> ApiServer:
    server = b.empty()
    if rules:
        b.create(server, b.role("impersonator", *rules))
        b.create(server, b.binding("impersonator", "impersonator", "User:dev"))
    return server


USERS, GROUPS = b.rule("impersonate", "", "users"), b.rule("impersonate", "", "groups")
ACCOUNTS = b.rule("impersonate", "", "serviceaccounts")
SCOPES = b.rule("impersonate", EXTRA, "userextras/scopes")
ALL = b.rule("*", "*", "*")
IN, OUT = "system:authenticated", "system:unauthenticated"

# rules, headers, name, groups, uid, extra
ALLOWED = [
    ((), {}, "dev", (IN,), "", ()),
    ((USERS,), {"Impersonate-User": "tester"}, "tester", (IN,), "", ()),
    ((USERS, GROUPS), {"Impersonate-User": "admin", "Impersonate-Group": ["some-group"]}, "admin", ("some-group", IN), "", ()),
    ((ALL,), {"Impersonate-User": "admin", "Impersonate-Group": ["g", IN]}, "admin", ("g", IN), "", ()),
    ((ALL,), {"Impersonate-User": "unknown", "Impersonate-Group": [OUT]}, "unknown", (OUT,), "", ()),
    ((ALL,), {"Impersonate-User": "system:anonymous"}, "system:anonymous", (OUT,), "", ()),
    ((ALL,), {"Impersonate-User": "system:anonymous", "Impersonate-Group": [OUT]}, "system:anonymous", (OUT,), "", ()),
    (
        (ACCOUNTS,),
        {"Impersonate-User": "system:serviceaccount:foo:default"},
        "system:serviceaccount:foo:default",
        ("system:serviceaccounts", "system:serviceaccounts:foo", IN),
        "",
        (),
    ),
    (
        (USERS, SCOPES),
        {"Impersonate-User": "a", "Impersonate-Extra-Scopes": ["scope-a", "scope-b"]},
        "a",
        (IN,),
        "",
        (("scopes", ("scope-a", "scope-b")),),
    ),
    (
        (ALL,),
        {"Impersonate-User": "a", "Impersonate-Extra-Example.com%2fescaped": "x"},
        "a",
        (IN,),
        "",
        (("example.com/escaped", ("x",)),),
    ),
    ((ALL,), {"Impersonate-User": "a", "Impersonate-Extra-Almost%zz": "x"}, "a", (IN,), "", (("almost%zz", ("x",)),)),
    ((ALL,), {"impersonate-user": "a", "Impersonate-Uid": "some-uid"}, "a", (IN,), "some-uid", ()),
]


@pytest.mark.parametrize("rules, headers, name, groups, uid, extra", ALLOWED)
def test_who_may_becomes_somebody_else(rules: Any, headers: Any, name: str, groups: Any, uid: str, extra: Any) -> None:
    assert impersonated(lab(*rules), DEV, headers) == User(name, groups, uid, extra)


_CANNOT = 'is forbidden: User "dev" cannot impersonate resource'
REFUSED = [
    ((), {"Impersonate-User": "bob"}, f'users "bob" {_CANNOT} "users" in API group "" at the cluster scope'),
    (
        (USERS,),
        {"Impersonate-User": "admin", "Impersonate-Group": ["g"]},
        f'groups "g" {_CANNOT} "groups" in API group "" at the cluster scope',
    ),
    (
        (USERS,),
        {"Impersonate-User": "system:serviceaccount:foo:default"},
        f'serviceaccounts "default" {_CANNOT} "serviceaccounts" in API group "" in the namespace "foo"',
    ),
    (
        (USERS,),
        {"Impersonate-User": "a", "Impersonate-Extra-Scopes": "scope-a"},
        f'userextras.{EXTRA} "scope-a" {_CANNOT} "userextras/scopes" in API group "{EXTRA}" at the cluster scope',
    ),
    ((ALL,), {"Impersonate-Group": ["some-group"]}, "requested [{Group  some-group    }] without impersonating a user"),
    ((ALL,), {"Impersonate-Uid": "u"}, "requested [{UID  u  authentication.k8s.io/v1  }] without impersonating a user"),
]


@pytest.mark.parametrize("rules, headers, message", REFUSED)
def test_who_may_not_stays_who_they_are(rules: Any, headers: Any, message: str) -> None:
    with pytest.raises(ApiFailure) as refused:
        impersonated(lab(*rules), DEV, headers)
    assert refused.value.message == message
