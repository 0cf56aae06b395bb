"""The API server's own metrics. upstream: apiserver/pkg/endpoints/metrics/metrics.go, 1.28."""

import re

import pytest

from kubelab.apiserver.exposition import number


@pytest.fixture
def page(make):
    cluster = make(nodes=1)
    cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}})
    cluster.request("GET", "/api/v1/namespaces/default/secrets/missing")
    cluster.request("PUT", "/api/v1/namespaces/default/secrets/a?dryRun=All", cluster["secret/a"])
    cluster.request("GET", "/api/v1/namespaces/default/secrets")
    cluster.request("GET", "/api/v1/secrets", user="nobody")
    code, text = cluster.request("GET", "/metrics")
    assert code == 200
    return text


def total(page, **labels):
    found = re.findall(r"^apiserver_request_total\{(.*)\} (\S+)$", page, re.MULTILINE)
    rows = [(dict(re.findall(r'(\w+)="([^"]*)"', text)), int(count)) for text, count in found]
    return sum(count for row, count in rows if labels.items() <= row.items())


@pytest.mark.parametrize(
    ("labels", "count"),
    [
        ({"verb": "POST", "scope": "resource", "code": "201", "version": "v1", "group": ""}, 1),
        ({"verb": "GET", "scope": "resource", "code": "404"}, 1),
        ({"verb": "PUT", "dry_run": "All", "code": "200"}, 1),
        ({"verb": "LIST", "scope": "namespace", "code": "200"}, 1),
        ({"verb": "LIST", "scope": "cluster"}, 2),  # of informers; the one refused before its handler is not counted there
        ({"verb": "WATCH"}, 0),  # counted when they end
    ],
)
def test_calls_are_counted_by_their_labels(page, labels, count):
    assert total(page, resource="secrets", component="apiserver", **labels) == count


def test_watches_are_a_gauge_while_they_are_open_and_calls_when_they_end(make):
    cluster = make(nodes=1)

    def watches(of):
        page = cluster.request("GET", "/metrics")[1]
        found = re.findall(rf'^apiserver_{of}\{{(?=.*resource="nodes")(?=.*verb="WATCH").*\}} (\S+)$', page, re.MULTILINE)
        return sum(int(float(count)) for count in found)

    assert (watches("longrunning_requests"), watches("request_total")) == (4, 0)  # API server, manager, scheduler, kubelet
    cluster.run("10m")
    over = len(cluster.frames.watches().query("resource == 'nodes' and ended == ended"))
    assert (watches("longrunning_requests"), watches("request_total")) == (4, over)
    assert watches("request_duration_seconds_count") == watches("request_total") >= 4


def test_a_histogram_adds_up(page):
    lines = re.findall(
        r'^apiserver_request_duration_seconds_bucket\{.*resource="leases".*verb="PUT".*le="(\S+)"\} (\d+)$', page, re.MULTILINE
    )
    counts = [int(count) for _, count in lines]
    assert lines[-1][0] == "+Inf" and counts == sorted(counts) and counts[-1] == total(page, resource="leases", verb="PUT") > 0


def test_stored_objects_are_counted(page):
    assert 'apiserver_storage_objects{resource="nodes"} 1' in page.splitlines()


# upstream: Go's strconv.FormatFloat(f, 'g', -1, 64), as expfmt writes values
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-1, "-1"),
        (100000, "100000"),
        (1000000, "1e+06"),
        (123456789.0, "1.23456789e+08"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Inf"),
        (12.5, "12.5"),
        (1.8446744073709552e19, "1.8446744073709552e+19"),
    ],
)
def test_numbers_are_written_as_go_does(value, text):
    assert number(value) == text
