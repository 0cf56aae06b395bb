"""Events of all versions and the legacy text (spec/audit.md A2)."""

from __future__ import annotations

import kubelab as kl
from tests.unit.auditlog.test_collapse import calls

OLD = {
    "kind": "Event",
    "apiVersion": "audit.k8s.io/v1alpha1",
    "metadata": {"creationTimestamp": "2017-07-01T10:00:02Z"},
    "level": "Metadata",
    "timestamp": "2017-07-01T10:00:00Z",
    "auditID": "a",
    "stage": "ResponseComplete",
    "requestURI": "/apis/apps/v1beta1/namespaces/shop/statefulsets/zk",
    "verb": "get",
    "user": {"username": "alice", "groups": ["dev"]},
    "objectRef": {"resource": "statefulsets", "namespace": "shop", "name": "zk", "apiVersion": "apps/v1beta1"},
    "responseStatus": {"metadata": {}, "code": 200},
}


def test_v1alpha1_of_1_7_has_two_times_and_one_field_for_group_and_version():
    (row,) = calls(OLD).itertuples()
    assert (str(row.received), row.latency) == ("2017-07-01 10:00:00+00:00", 2.0)
    assert (row.api_group, row.api_version, row.user_agent is row.impersonated) == ("apps", "v1beta1", True)


def test_what_ended_within_its_whole_second_has_no_latency_that_is_known():
    ended = {"metadata": {"creationTimestamp": "2017-07-01T10:00:00Z"}}
    (row,) = calls(OLD | ended).itertuples()
    assert (row.received, row.completed, row.latency == row.latency) == (row.completed, row.received, False)
    (finer,) = calls(OLD | dict.fromkeys(("requestReceivedTimestamp", "stageTimestamp"), "2017-07-01T10:00:00.000000Z")).itertuples()
    assert finer.latency == 0.0


def test_v1alpha1_of_the_core_group():
    (row,) = calls(OLD | {"objectRef": {"resource": "pods", "apiVersion": "v1"}}).itertuples()
    assert (row.api_group, row.api_version) == ("", "v1")


def test_v1beta1_has_both_kinds_of_times_and_the_finer_ones_count():
    finer = {"requestReceivedTimestamp": "2017-07-01T10:00:00.100000Z", "stageTimestamp": "2017-07-01T10:00:00.350000Z"}
    group = {"objectRef": {"resource": "statefulsets", "apiGroup": "apps", "apiVersion": "v1beta1"}}
    (row,) = calls(OLD | finer | group | {"apiVersion": "audit.k8s.io/v1beta1"}).itertuples()
    assert (row.latency, row.api_group, row.api_version) == (0.25, "apps", "v1beta1")


def test_the_legacy_text(tmp_path):
    """upstream: staging/src/k8s.io/apiserver/pkg/audit/format.go, 1.28"""
    line = (
        r'2026-01-01T00:00:00.123456789Z AUDIT: id="a" stage="ResponseComplete" ip="10.0.0.1" method="create" user="alice" '
        r'groups="\"dev\",\"system:authenticated\"" as="bob" asgroups="<lookup>" user-agent="ku\"be/1" namespace="shop" '
        r'uri="/apis/apps/v1/namespaces/shop/deployments?dryRun=All" response="201"'
    )
    nobody = (
        r'2026-01-01T00:00:01Z AUDIT: id="b" stage="RequestReceived" ip="<unknown>" method="get" user="<none>" groups="<none>" as="<self>" '
        r'asgroups="<lookup>" user-agent="" namespace="<none>" uri="/version" response="<deferred>"'
    )
    path = tmp_path / "audit.log"
    path.write_text(f"{line}\n{nobody}\n", encoding="utf-8")
    log = kl.auditlog.read(path)
    first, second = log.calls().itertuples()
    assert (first.username, first.effective, list(first.groups)) == ("alice", "bob", ["dev", "system:authenticated"])
    assert (first.resource, first.api_group, first.namespace, first.query, first.code) == ("deployments", "apps", "shop", "dryRun=All", 201)
    assert (first.user_agent, first.source_ip, str(first.received)) == ('ku"be/1', "10.0.0.1", "2026-01-01 00:00:00.123456+00:00")
    missing = log.calls().isna().loc[1]
    assert missing[["username", "resource", "code", "source_ip"]].all()
    assert second.path == "/version"


def test_the_two_lines_of_1_7_without_advanced_auditing(tmp_path):
    path = tmp_path / "audit.log"
    path.write_text(
        '2017-07-01T10:00:00.1Z AUDIT: id="a" ip="::1" method="DELETE" user="alice" groups="\\"dev\\"" as="<self>" asgroups="<lookup>" '
        'namespace="shop" uri="/api/v1/namespaces/shop/pods"\n2017-07-01T10:00:00.4Z AUDIT: id="a" response="200"\n',
        encoding="utf-8",
    )
    (row,) = kl.auditlog.read(path).calls().itertuples()
    assert (row.verb, row.username, row.code, round(row.latency, 6)) == ("deletecollection", "alice", 200, 0.3)
