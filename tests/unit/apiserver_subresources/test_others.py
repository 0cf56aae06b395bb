"""Tokens, namespaces/finalize, and what goes to the kubelet.

upstream: pkg/registry/core/{serviceaccount/storage/token.go,namespace,pod/strategy.go}, pkg/serviceaccount/claims_test.go, 1.28;
recorded: core-errors 43.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from kubelab.apiserver import tokens
from kubelab.apiserver.server import ApiServer
from kubelab.apiserver.subresources.kubelet import KubeletUnreachable
from tests.unit.apiserver_authorization import builders as b

Object = dict[str, Any]


# -- tokens --------------------------------------------------------------------------------------------------------------
def token(server: ApiServer, *, meta: Object | None = None, **spec: Any) -> tuple[int, Object]:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": meta or {}, "spec": spec}
    answer = b.call(server, "create", "serviceaccounts", "default", "default", "token", body=body)
    return answer.code, answer.object


def claims(obj: Object) -> Object:
    body = obj["status"]["token"].split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))


def lab() -> ApiServer:
    server = b.with_namespaces("default")
    b.create(server, b.pod("p"))
    return server


def bound(server: ApiServer, **more: str) -> Object:
    pod = server.store.head.get("pods", "default", "p")
    assert pod is not None
    return {"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": pod["metadata"]["uid"], **more}


def test_a_token_lasts_an_hour_and_says_whose_it_is() -> None:
    server = lab()
    code, obj = token(server)
    account = server.store.head.get("serviceaccounts", "default", "default")
    assert account is not None
    assert (code, obj["status"]["expirationTimestamp"]) == (201, "2026-01-01T01:00:00Z")
    said = claims(obj)
    assert (said["sub"], said["aud"], said["exp"] - said["iat"]) == ("system:serviceaccount:default:default", [tokens.ISSUER], 3600)
    assert said["kubernetes.io"]["serviceaccount"] == {"name": "default", "uid": account["metadata"]["uid"]}


def test_a_pods_own_token_lasts_a_year_and_warns_earlier() -> None:
    """upstream: token.go extendExpiration"""
    server = lab()
    _, obj = token(server, expirationSeconds=3607, boundObjectRef=bound(server))
    said = claims(obj)
    assert said["exp"] - said["iat"] == 365 * 24 * 3600
    assert said["kubernetes.io"]["warnafter"] - said["iat"] == 3607
    assert obj["status"]["expirationTimestamp"] == "2026-01-01T01:00:07Z"
    assert said["kubernetes.io"]["pod"]["name"] == "p"


def test_equal_worlds_give_equal_tokens() -> None:
    assert token(lab())[1] == token(lab())[1]


_GONE = "The object might have been deleted and then recreated"
WRONG = [
    ({"expirationSeconds": 599}, 422, "may not specify a duration less than 10 minutes"),
    ({"expirationSeconds": 2**32 + 1}, 422, "may not specify a duration larger than 2^32 seconds"),
    ({"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "ghost"}}, 404, 'pods "ghost" not found'),
    ({"boundObjectRef": {"kind": "Node", "apiVersion": "v1", "name": "n"}}, 400, "cannot bind token to object of type /v1, Kind=Node"),
    (
        {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": "x"}},
        409,
        f"the UID in the bound object reference (x) does not match the UID in record. {_GONE}",
    ),
]


@pytest.mark.parametrize("spec, code, text", WRONG)
def test_a_wrong_request_gets_no_token(spec: Object, code: int, text: str) -> None:
    got, status = token(lab(), **spec)
    assert got == code and status["message"].endswith(text)


def test_a_pod_of_another_account_gets_no_token() -> None:
    server = lab()
    b.create(server, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "other", "namespace": "default"}})
    body = {"spec": {"boundObjectRef": bound(server)}}
    answer = b.call(server, "create", "serviceaccounts", "default", "other", "token", body=body)
    text = 'cannot bind token for serviceaccount "other" to pod running with different serviceaccount name.'
    assert (answer.code, answer.object["message"]) == (400, text)


def test_a_token_dies_with_its_pod() -> None:
    server = lab()
    text = token(server, boundObjectRef=bound(server))[1]["status"]["token"]
    user, _ = tokens.authenticate(server.store.head, text, [], b.NOW_NS)
    assert dict(user.extra)["authentication.kubernetes.io/pod-name"] == ("p",)
    b.call(server, "delete", "pods", "default", "p")
    with pytest.raises(tokens.TokenRefused, match="service account token has been invalidated"):
        tokens.authenticate(server.store.head, text, [], b.NOW_NS)


def test_a_token_is_good_for_a_minute_longer_and_for_its_audience_alone() -> None:
    server = lab()
    text = token(server)[1]["status"]["token"]
    hour = 3600 * 10**9
    tokens.authenticate(server.store.head, text, [], b.NOW_NS + hour + 60 * 10**9)
    with pytest.raises(tokens.TokenRefused, match="service account token has expired"):
        tokens.authenticate(server.store.head, text, [], b.NOW_NS + hour + 61 * 10**9)
    with pytest.raises(tokens.TokenRefused, match='is invalid for the target audiences \\["b"\\]'):
        tokens.authenticate(server.store.head, text, ["b"], b.NOW_NS)


def test_a_forged_token_is_none() -> None:
    server = lab()
    head, body, signature = token(server)[1]["status"]["token"].split(".")
    with pytest.raises(tokens.TokenRefused):
        tokens.authenticate(server.store.head, f"{head}.{body[:-2]}xx.{signature}", [], b.NOW_NS)


# -- namespaces ----------------------------------------------------------------------------------------------------------
def finalized(server: ApiServer, *finalizers: str) -> tuple[int, Object]:
    namespace = server.store.head.get("namespaces", "", "team")
    assert namespace is not None
    body = {**namespace, "spec": {"finalizers": list(finalizers)}}
    answer = b.call(server, "update", "namespaces", "", "team", "finalize", body=body)
    return answer.code, answer.object


def test_a_namespace_in_deletion_goes_with_its_last_finalizer() -> None:
    server = b.with_namespaces("team")
    b.call(server, "delete", "namespaces", name="team")
    code, obj = finalized(server)
    assert (code, obj["status"]["phase"]) == (200, "Terminating")
    assert server.store.head.get("namespaces", "", "team") is None


def test_a_namespace_that_stays_only_loses_the_finalizer() -> None:
    server = b.with_namespaces("team")
    assert finalized(server)[1]["spec"] == {}
    assert server.store.head.get("namespaces", "", "team") is not None


def test_a_finalizer_needs_a_domain() -> None:
    code, status = finalized(b.with_namespaces("team"), "kubernetes", "bare")
    assert code == 422 and "spec.finalizers[1]" in status["message"]


# -- the kubelet ---------------------------------------------------------------------------------------------------------
class Door:
    """A kubelet that says what it was asked."""

    def logs(self, namespace: str, name: str, options: Object) -> str:
        return json.dumps([namespace, name, options], sort_keys=True)

    def exec(self, namespace: str, name: str, options: Object) -> Any:
        raise KubeletUnreachable


def running(*, node: str = "n1", door: Any = None) -> ApiServer:
    server = b.with_namespaces("default")
    addresses = [{"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "10.0.0.7"}]
    b.put(server, "nodes", {"metadata": {"name": "n1"}, "spec": {}, "status": {"addresses": addresses}})
    second = {"name": "side", "image": "x"}
    b.create(server, b.pod("one", nodeName=node))
    b.create(server, b.pod("two", nodeName=node, containers=[{"name": "c", "image": "x"}, second]))
    server.kubelet_door = door  # type: ignore[attr-defined]
    return server


def log(server: ApiServer, name: str = "one", query: str = "") -> tuple[int, Any]:
    answer = b.call(server, "get", "pods", "default", name, "log", uri=f"/api/v1/namespaces/default/pods/{name}/log?{query}")
    return answer.code, answer.object


def test_a_log_comes_from_the_kubelet() -> None:
    code, text = log(running(door=Door()), query="tailLines=5&previous=true")
    assert (code, json.loads(text)) == (200, ["default", "one", {"container": "c", "previous": True, "tailLines": 5}])


LOGS = [
    ("one", "container=zzz", 400, "container zzz is not valid for pod one"),  # core-errors 43
    ("two", "", 400, "a container name must be specified for pod two, choose one of: [c side]"),
    ("ghost", "", 404, 'pods "ghost" not found'),
    ("one", "limitBytes=0", 422, 'PodLogOptions "one" is invalid: limitBytes: Invalid value: 0: must be greater than 0'),
    ("one", "", 500, 'Get "https://10.0.0.7:10250/containerLogs/default/one/c": dial tcp 10.0.0.7:10250: connect: connection refused'),
]


@pytest.mark.parametrize("name, query, code, text", LOGS)
def test_a_log_that_cannot_be_had(name: str, query: str, code: int, text: str) -> None:
    got, status = log(running(), name, query)
    assert (got, status["message"]) == (code, text)


def test_a_pod_on_no_node_has_said_nothing() -> None:
    assert log(running(node="")) == (200, "")


def test_a_command_needs_a_reachable_kubelet() -> None:
    answer = b.call(running(door=Door()), "create", "pods", "default", "one", "exec", body={"command": ["ls"]})
    assert answer.code == 500 and answer.object["message"].endswith("connect: connection refused")
    answer = b.call(running(node=""), "create", "pods", "default", "one", "exec", body={"command": ["ls"]})
    assert (answer.code, answer.object["message"]) == (400, "pod one does not have a host assigned")
