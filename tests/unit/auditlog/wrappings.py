"""The shapes of spec/audit.md B1, made by hand around real events of a 1.20.2 API server (tests/data/auditlog/reading.jsonl)."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
from pathlib import Path

REAL = Path(__file__).parents[2] / "data" / "auditlog" / "reading.jsonl"
LINES = REAL.read_text(encoding="utf-8").splitlines()
EVENTS = [json.loads(line) for line in LINES]
STREAM = "kube-apiserver-audit-7f3a"
KLOG = "I1124 17:36:20.188634       1 trace.go:205] Trace[1]: List (total time: 600ms)"


def jsonl(values):
    return "\n".join(json.dumps(value) for value in values) + "\n"


def event_list(indent=None, sort_keys=False):
    items = [{key: value for key, value in event.items() if key not in ("kind", "apiVersion")} for event in EVENTS]
    return json.dumps(
        {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": items}, indent=indent, sort_keys=sort_keys
    )


def export(indent=None):
    events = [{"logStreamName": STREAM, "timestamp": 1, "message": line, "ingestionTime": 2, "eventId": "3"} for line in LINES]
    others = [("authenticator-1", 'time="…" level=info'), ("kube-apiserver-1", KLOG)]
    events += [{"logStreamName": stream, "timestamp": 1, "message": message} for stream, message in others]
    return json.dumps({"events": events, "searchedLogStreams": []}, indent=indent)


def subscription(lines=LINES):
    events = [{"id": str(number), "timestamp": 1, "message": line} for number, line in enumerate(lines)]
    return json.dumps(
        {
            "messageType": "DATA_MESSAGE",
            "owner": "1",
            "logGroup": "/aws/eks/shop/cluster",
            "logStream": STREAM,
            "subscriptionFilters": ["all"],
            "logEvents": events,
        }
    )


CONTROL = json.dumps({"messageType": "CONTROL_MESSAGE", "logEvents": [{"id": "", "timestamp": 1, "message": "CWL CONTROL MESSAGE"}]})


def packed(text):
    return base64.b64encode(gzip.compress(text.encode())).decode()


def aks(lines=LINES):
    return [
        {"time": "2026-01-01", "category": "kube-audit", "properties": {"log": line + "\n", "stream": "stdout", "pod": "kube-apiserver-9"}}
        for line in lines
    ]


COLUMNS = {
    "level": "Level",
    "auditID": "AuditId",
    "stage": "Stage",
    "requestURI": "RequestUri",
    "verb": "Verb",
    "user": "User",
    "sourceIPs": "SourceIps",
    "userAgent": "UserAgent",
    "objectRef": "ObjectRef",
    "responseStatus": "ResponseStatus",
    "requestObject": "RequestObject",
    "responseObject": "ResponseObject",
    "requestReceivedTimestamp": "RequestReceivedTime",
    "stageTimestamp": "StageReceivedTime",
    "annotations": "Annotations",
}


def aks_rows():
    rows = []
    for event in EVENTS:
        row = {COLUMNS[key]: value if isinstance(value, str) else json.dumps(value) for key, value in event.items() if key in COLUMNS}
        rows.append({"TenantId": "t", "PodName": "kube-apiserver-9", "Type": "AKSAudit", **row})
    return rows


def aks_tables():
    names = ["PodName", *COLUMNS.values()]
    table = {"name": "PrimaryResult", "columns": [{"name": name, "type": "string"} for name in names]}
    return json.dumps({"tables": [{**table, "rows": [[row.get(name) for name in names] for row in aks_rows()]}]})


def parts(line, size=700):
    return [line[start : start + size] for start in range(0, len(line), size)]


def cri():
    rows = []
    for line in LINES:
        pieces = parts(line)
        rows += [f"2026-11-24T17:36:20.1Z stdout {'F' if piece is pieces[-1] else 'P'} {piece}" for piece in pieces]
        rows.append(f"2026-11-24T17:36:20.2Z stderr F {KLOG}")
    return "\n".join(rows) + "\n"


def docker():
    rows = []
    for line in LINES:
        *begin, end = parts(line)
        rows += [{"log": piece, "stream": "stdout", "time": "2026"} for piece in begin]
        rows.append({"log": end + "\n", "stream": "stdout", "time": "2026"})
    return jsonl(rows)


def table(rows):
    """Comma-separated values as consoles export them."""
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


#: name: (text, server, lines that are skipped)
WRAPPINGS = {
    "one JSON array": (json.dumps(EVENTS), "", 0),
    "an array, an event a line": ("[\n" + ",\n".join(LINES) + "\n]\n", "", 0),
    "a pretty array": (json.dumps(EVENTS, indent=2), "", 0),
    "pretty events": ("\n".join(json.dumps(event, indent=2) for event in EVENTS), "", 0),
    "an EventList": (event_list(), "", 0),
    "a pretty EventList": (event_list(indent=4), "", 0),
    "an EventList whose kind comes last": (event_list(indent=1, sort_keys=True), "", 0),
    "EKS export": (export(), STREAM, 2),
    "EKS export, pretty": (export(indent=4), STREAM, 2),
    "EKS subscription": (subscription(), STREAM, 0),
    "EKS by Firehose": (subscription(LINES[:9]) + CONTROL + subscription(LINES[9:]), STREAM, 1),
    "EKS by Lambda": (json.dumps({"awslogs": {"data": packed(subscription())}}), STREAM, 0),
    "lines that are JSON in a string": (jsonl(LINES), "", 0),
    "EKS by Kinesis": (json.dumps({"Records": [{"kinesis": {"data": packed(subscription())}}]}), STREAM, 0),
    "EKS Insights": (
        json.dumps({"results": [[{"field": "@logStream", "value": STREAM}, {"field": "@message", "value": line}] for line in LINES]}),
        STREAM,
        0,
    ),
    "AKS records": (json.dumps({"records": [*aks(), {"category": "kube-scheduler", "properties": {"log": "x"}}]}), "kube-apiserver-9", 1),
    "AKS, a record a line": (jsonl(aks()), "kube-apiserver-9", 0),
    "AKS, properties in a string": (jsonl({**row, "properties": json.dumps(row["properties"])} for row in aks()), "kube-apiserver-9", 0),
    "Log Analytics, log_s": (
        jsonl({"Category": "kube-audit", "log_s": line, "pod_s": "kube-apiserver-9"} for line in LINES),
        "kube-apiserver-9",
        0,
    ),
    "Log Analytics, AKSAudit": (json.dumps(aks_rows()), "kube-apiserver-9", 0),
    "Log Analytics, an answer of its API": (aks_tables(), "kube-apiserver-9", 0),
    "EKS exported to S3": ("\n".join(f"2026-11-24T17:36:20.188Z {line}" for line in LINES), "", 0),
    "syslog": ("\n".join(f"<134>Nov 24 17:36:20 cp-1 kube-apiserver[7]: {line}" for line in LINES), "", 0),
    "journald": (jsonl({"__CURSOR": "s=1", "_HOSTNAME": "cp-1", "PRIORITY": "6", "MESSAGE": line} for line in LINES), "cp-1", 0),
    "OpenShift": ("\n".join(f"master-0.shop.example {line}" for line in LINES), "master-0.shop.example", 0),
    "Docker": (docker(), "", 0),
    "CRI": (cri(), "", len(LINES)),
    "Fluentd": (
        jsonl({"log": line, "tag": "audit", "kubernetes": {"pod_name": "kube-apiserver-a"}} for line in LINES),
        "kube-apiserver-a",
        0,
    ),
    "Fluent Bit, merged": (jsonl({**event, "@timestamp": "2026", "kubernetes": {"host": "cp-1"}} for event in EVENTS), "cp-1", 0),
    "Filebeat": (
        jsonl({"@timestamp": "2026", "log": {"file": {"path": "/x"}}, "message": line, "host": {"name": "cp-1"}} for line in LINES),
        "cp-1",
        0,
    ),
    "Logstash": (jsonl({"@version": "1", "event": event, "host": "cp-1"} for event in EVENTS), "cp-1", 0),
    "Elasticsearch": (json.dumps({"hits": {"total": 1, "hits": [{"_index": "a", "_source": {"message": line}} for line in LINES]}}), "", 0),
    "Loki": (
        json.dumps({"status": "success", "data": {"result": [{"stream": {"host": "cp-1"}, "values": [["1", line] for line in LINES]}]}}),
        "cp-1",
        0,
    ),
    "logcli": (jsonl({"labels": {"node": "cp-1"}, "line": line, "timestamp": "2026"} for line in LINES), "cp-1", 0),
    "EKS, a table of Insights": (
        table([("@timestamp", "@logStream", "@message"), *(("2026-11-24 17:36:20.188", STREAM, line) for line in LINES)]),
        STREAM,
        1,
    ),
    "EKS, a part of a table": (table(("1764005780188", line) for line in LINES), "", 0),
    "Log Analytics, a table of log_s": (
        table(
            [
                ("TimeGenerated [UTC]", "Category", "log_s", "pod_s"),
                *(("11/24/2026, 5:36 PM", "kube-audit", line, "cp-1") for line in LINES),
            ]
        ),
        "cp-1",
        1,
    ),
    "Log Analytics, a table of AKSAudit": (
        table([["PodName", *COLUMNS.values()], *([row.get(name) for name in ["PodName", *COLUMNS.values()]] for row in aks_rows())]),
        "kube-apiserver-9",
        1,
    ),
    "kubectl logs --prefix": ("\n".join(f"[pod/kube-apiserver-cp-1/kube-apiserver] {line}" for line in LINES), "kube-apiserver-cp-1", 0),
    "grep over files": ("\n".join(f"logs/audit-{number}.log:{line}" for number, line in enumerate(LINES)), "", 0),
    "syslog with its data": (
        "\n".join(f'<14>1 2026-11-24T17:36:20Z cp-1 kube-apiserver 7 - [meta@1 sequenceId="1"] {line}' for line in LINES),
        "",
        0,
    ),
    "a sequence of RFC 7464": ("".join(f"\x1e{line}\n" for line in LINES), "", 0),
    "k3s to its journal": ('time="2026-11-24T17:36:20Z" level=info msg="Running kube-apiserver --a={}"\n' + "\n".join(LINES), "", 1),
    "CRI around Fluentd around a string": (
        "\n".join("2026-11-24T17:36:20Z stdout F " + json.dumps({"message": json.dumps({"log": line})}) for line in LINES),
        "",
        0,
    ),
}
