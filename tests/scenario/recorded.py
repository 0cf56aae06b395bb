"""Replaying what a real control plane 1.20.2 asked its API server, call by call, against a server without components.

Every recorded caller asks under its own identity, at its own instant. Names that the server generates, uids, resourceVersions and addresses
are translated from the recorded ones to ours as they appear; ``expected`` and ``shown`` bring both answers to a form in which everything else
must be equal, managedFields included. What 1.28 answers otherwise on purpose is listed here with its source, and nothing else is passed over.
"""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import kubelab as kl
from kubelab.cluster import bootstrap
from kubelab.cluster.handle import World
from kubelab.engine.engine import Engine
from kubelab.kinds.rbac import bootstrap as rbac
from kubelab.world.clock import parse_rfc3339
from kubelab.world.timing import Timing
from tests.invariants import Mutations

FOLDER = Path(__file__).parent.parent / "data" / "recorded"
PATCH = "application/strategic-merge-patch+json"
UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
VERSION = re.compile(r'("resourceVersion": )"(\d+)"')
SLICES = ("discovery.k8s.io/v1beta1", "discovery.k8s.io/v1")  # v1beta1 is gone since 1.25
Object = dict[str, Any]


class Row(NamedTuple):
    """One recorded call beside our answer."""

    number: int
    call: str  # method and resource
    recorded: tuple[int, Any]
    answered: tuple[int, Any]


class Translation:
    """What the recorded cluster called things, in this one's terms."""

    def __init__(self) -> None:
        self.uids: dict[str, str] = {}
        self.versions: dict[str, str] = {}
        self.words: dict[str, str] = {}

    def of(self, value: Any) -> Any:
        text = json.dumps(value)
        for theirs, ours in self.words.items():
            text = text.replace(theirs, ours)
        text = UID.sub(lambda found: self.uids.get(found[0], found[0]), text)
        return json.loads(VERSION.sub(lambda found: f'{found[1]}"{self.versions.get(found[2], found[2])}"', text))

    def learn(self, theirs: Object, ours: Object) -> None:
        was, now = theirs.get("metadata") or {}, ours.get("metadata") or {}
        for known, name in ((self.uids, "uid"), (self.versions, "resourceVersion")):
            if name in was and name in now:
                known[was[name]] = now[name]
        if "generateName" in was and was.get("name") != now.get("name"):
            self.words[was["name"]] = now["name"]


def bare_cluster(start: str) -> kl.Cluster:
    """An API server with its roles, and nobody else: no namespaces, no components."""
    now_ns = parse_rfc3339(start)
    engine = Engine(seed=1, start_ns=now_ns, timing=Timing.preset("instant"), release="1.28", gates={})
    for obj in (*rbac.objects(), *bootstrap.system_objects()):
        if "namespace" not in obj["metadata"] and obj["kind"] != "Namespace":
            bootstrap.create(engine, obj)
    return kl.Cluster._of(World(engine, now_ns))


def replay() -> list[Row]:
    """All recorded calls in their order."""
    records = [json.loads(line) for line in gzip.decompress((FOLDER / "stories.jsonl.gz").read_bytes()).splitlines()]
    cluster, known, detector = bare_cluster("2026-11-24T17:35:20Z"), Translation(), Mutations()
    rows = []
    for number, record in enumerate(records, 1):
        code, answer = ask(cluster, known, record)
        if number % 100 == 0:
            detector.watch(cluster._engine.store)
        if code < 300 and record["code"] < 300:
            known.learn(record["response"], answer)
        call = f"{record['method']} {resource_of(record['path'])}"
        response = known.of(record["response"])
        rows.append(Row(number, call, (record["code"], expected(response)), (code, shown(answer))))
        if call == "POST namespaces" and record["response"]["metadata"]["name"] == "default":
            for obj in rbac.objects():
                if "namespace" in obj["metadata"]:
                    bootstrap.create(cluster._engine, obj)
    assert list(detector.complaints(cluster._engine.store)) == []
    return rows


def ask(cluster: kl.Cluster, known: Translation, record: Object) -> tuple[int, Any]:
    at = record["at"]
    cluster._engine.now_ns = parse_rfc3339(f"{at[:19]}Z") + int(at[20:26]) * 1000
    body = known.of(record["body"])
    if body and body.get("kind") == "EndpointSlice":
        body = slice_of_1_28(body)
    if body and (body.get("spec") or {}).get("clusterIP") == "10.0.0.1":
        body["spec"].update(clusterIP="10.96.0.1")  # the first address of this cluster's range
        known.words['"10.0.0.1"'] = '"10.96.0.1"'
    return cluster.request(
        record["method"],
        known.of(record["path"]).replace(*SLICES),
        body,
        content_type=PATCH if record["method"] == "PATCH" else "application/json",
        user=record["user"],
        groups=record["groups"],
        headers={"User-Agent": record["agent"]},
    )


def resource_of(path: str) -> str:
    """``pods/status`` of ``/api/v1/namespaces/default/pods/web-0/status``."""
    parts = path.partition("?")[0].strip("/").split("/")[2 if path.startswith("/api/") else 3 :]
    if parts[0] == "namespaces" and len(parts) > 2:
        parts = parts[2:]
    return "/".join(parts[::2])


# -- what has changed from 1.20 to 1.28 -----------------------------------------------------------------------------------
NEW_FIELDS = {  # upstream: pkg/apis/{apps,core}/v1/defaults.go, api/apps/v1/types.go, 1.28
    "StatefulSet": (("spec", "persistentVolumeClaimRetentionPolicy"), ("status", "availableReplicas")),
    "DaemonSet": (("spec", "updateStrategy", "rollingUpdate", "maxSurge"),),
    "Service": (("spec", "internalTrafficPolicy"), ("spec", "ipFamilies"), ("spec", "ipFamilyPolicy")),
}
RESET = (
    "Namespace",
    "Node",
    "PersistentVolume",
    "PersistentVolumeClaim",
)  # upstream: GetResetFields of their strategies: a create owns no status any more
NAMESPACE_LABEL = "kubernetes.io/metadata.name"  # upstream: pkg/apis/core/v1/defaults.go SetDefaults_Namespace
WORDS = (("(127.0.0.0/8)", "(127.0.0.0/8, ::1/128)"),)  # upstream: pkg/apis/core/validation ValidateNonSpecialIP
ATOMIC = ("f:involvedObject", "f:requiredDuringSchedulingIgnoredDuringExecution", "f:roleRef")  # upstream: +structType=atomic in types.go
TOKEN = re.compile(r'"(default-token|kube-api-access)-[a-z0-9]{5}"')  # 1.28 mounts a projected volume for the token


def expected(answer: Any) -> Any:
    """A recorded answer as 1.28 gives it, and then in the form of ``shown``."""
    if answer.get("kind") == "EndpointSlice":
        answer = slice_of_1_28(answer)
    if answer.get("kind") == "Namespace":
        labels = {NAMESPACE_LABEL: answer["metadata"]["name"]}
        answer = {**answer, "metadata": {**answer["metadata"], "labels": labels}}
        answer["metadata"]["managedFields"][0]["fieldsV1"]["f:metadata"] = {"f:labels": {".": {}, f"f:{NAMESPACE_LABEL}": {}}}
    if answer.get("kind") == "Status":
        text = json.dumps(answer)
        for theirs, ours in WORDS:
            text = text.replace(theirs, ours)
        return json.loads(text)
    return shown(answer)


def slice_of_1_28(obj: Object) -> Object:
    """upstream: pkg/apis/discovery/v1beta1/conversion.go: topology has become nodeName and zone."""
    endpoints = obj.get("endpoints")
    for endpoint in endpoints or ():
        topology = endpoint.pop("topology", None) or {}
        for label, field in (("kubernetes.io/hostname", "nodeName"), ("topology.kubernetes.io/zone", "zone")):
            if label in topology:
                endpoint[field] = topology[label]
    return {**obj, "apiVersion": obj["apiVersion"].replace(*SLICES)}


def shown(answer: Any) -> Any:
    """An answer without what is new or differs by nature: credentials' volumes, a token's text."""
    if "items" in answer:
        kind = answer["kind"].removesuffix("List")
        return {**answer, "items": [shown({"kind": kind, **item}) for item in answer["items"]]}
    kind, meta = answer.get("kind"), answer.get("metadata") or {}
    out = {**answer}
    for path in NEW_FIELDS.get(str(kind), ()):
        out = without(out, path)
    if "managedFields" in meta:
        out["metadata"] = {**meta, "managedFields": owners(meta["managedFields"], str(kind))}
    if kind == "Pod":
        out = json.loads(TOKEN.sub('"TOKEN"', json.dumps(out)))
        out["spec"]["volumes"] = [{"name": "TOKEN"} if each["name"] == "TOKEN" else each for each in out["spec"]["volumes"]]
    if kind == "TokenRequest":  # 1.28 names the account and the instant; the issuer is this cluster's
        fields = {key: value for key, value in out["metadata"].items() if key == "managedFields"}
        out = {"kind": kind, "metadata": fields, "seconds": out["spec"]["expirationSeconds"], "until": out["status"]["expirationTimestamp"]}
    return out


def owners(entries: list[Object], kind: str) -> Object:
    """Who owns what. 1.20 had one entry per manager for all subresources (KEP 555), and kept its time while the set of fields stayed."""
    found: Object = {}
    for entry in entries:
        name = f"{entry['manager']} {entry['operation']} {entry['apiVersion'].replace(*SLICES)}"
        fields = json.loads(json.dumps(entry["fieldsV1"]))
        for path in (*NEW_FIELDS.get(kind, ()), *([("status",)] if kind in RESET else [])):
            fields = without(fields, tuple(f"f:{part}" for part in path))
        found[name] = united(found.get(name, {}), atomic(fields))
    return found


def atomic(fields: Object) -> Object:
    """In place: owned as a whole since 1.22: owner references, object references, node selectors, a Service's selector."""
    references = (fields.get("f:metadata") or {}).get("f:ownerReferences") or {}
    references.update({key: {} for key in references if key != "."})
    if "f:selector" in (fields.get("f:spec") or {}):
        fields["f:spec"]["f:selector"] = {}
    for key, below in fields.items():
        if key in ATOMIC:
            fields[key] = {}
        else:
            atomic(below)
    return fields


def united(one: Object, other: Object) -> Object:
    return {**one, **{key: united(one.get(key, {}), below) for key, below in other.items()}}


def without(obj: Object, path: tuple[str, ...]) -> Object:
    name, *rest = path
    if not isinstance(obj.get(name), dict) or not rest:
        return {key: value for key, value in obj.items() if key != name or rest}
    return {**obj, name: without(obj[name], tuple(rest))}


if __name__ == "__main__":
    for row in replay():
        if row.recorded != row.answered:
            print(
                f"--- {row.number} {row.call}\n  recorded {json.dumps(row.recorded)[:1500]}\n  answered {json.dumps(row.answered)[:1500]}"
            )
