"""Field management against the recorded answers of a real API server (1.20.2).

Where 1.28 differs, 1.28 holds: resets keep ``status`` out of creates, selectors and references are atomic; these are left out here, as is
what admission and allocation add after fields are counted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from kubelab.apiserver.apply.conflicts import ApplyRejected, Conflicts
from kubelab.apiserver.apply.custom_shape import custom_shape
from kubelab.apiserver.apply.managed import apply, fields_of_update
from kubelab.apiserver.patch import json_patch, merge_patch, strategic_merge
from kubelab.kinds import schema

Object = dict[str, Any]
RECORDED = Path(__file__).parents[2] / "data" / "transcripts"


def lines(name: str) -> list[Object]:
    return [json.loads(line) for line in (RECORDED / name).read_text().splitlines()]


def split(obj: Object) -> tuple[Object, list[Object]]:
    """An object without its managedFields, and these."""
    meta = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {**obj, "metadata": meta}, obj["metadata"].get("managedFields", [])


def by_people(entries: list[Object]) -> list[tuple[str, str, str]]:
    """Entries but the controllers', which come and go between two lines; the text of the fields shows their order too."""
    return [
        (entry["manager"], entry["operation"], json.dumps(entry["fieldsV1"]))
        for entry in entries
        if entry["manager"] != "kube-controller-manager"
    ]


def test_a_series_of_applies_and_patches_leaves_the_recorded_owners() -> None:
    live: dict[str, tuple[Object, list[Object]]] = {}
    checked = 0
    for line in lines("apply-and-patch.jsonl"):
        url = urlsplit(line["path"])
        query = dict(parse_qsl(url.query))
        group, kind = ("apps", "Deployment") if "/apis/apps/" in url.path else ("", "ConfigMap")
        version = f"{group}/v1".lstrip("/")
        struct = schema.for_kind(group, "v1", kind)
        old, entries = live.get(url.path, (None, []))
        answer = line["response"]
        if line["contentType"].startswith("application/apply-patch") and "fieldManager" in query:
            try:
                force = query.get("force") == "true"
                obj, after = apply(old, entries, line["body"], query["fieldManager"], force, version, "T", "", struct)
            except Conflicts as refused:
                assert (answer["message"], answer["details"]["causes"]) == (refused.message, refused.causes)
                checked += 1
                continue
            except ApplyRejected as refused:
                assert answer["message"] == str(refused)
                checked += 1
                continue
            if kind == "ConfigMap":
                assert obj["data"] == answer["data"]
        elif line["method"] in ("PATCH", "POST") and line["code"] < 300:
            obj, _ = split(answer)
            kept = (old or {}).get("metadata", {}).get("annotations")
            obj = {**obj, "metadata": {**obj["metadata"], "annotations": kept}} if kept is not None else obj
            after = fields_of_update(entries, old, obj, "Python-urllib", version, "T", "", struct)
        else:
            continue
        assert by_people(after) == by_people(answer["metadata"]["managedFields"])
        checked += 1
        if "dryRun" not in query:
            new, recorded = split(answer)
            live[url.path] = ({**new, "metadata": {**new["metadata"], "annotations": {}}}, recorded)
    assert checked == 15


UNTOUCHED_BY_ADMISSION = {"ConfigMap", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Role", "ClusterRole", "Secret", "Lease"}


@pytest.mark.parametrize("name", ["core-errors.jsonl", "defaults.jsonl", "workload-errors.jsonl", "security-errors.jsonl"])
def test_a_creator_owns_what_was_recorded(name: str) -> None:
    made = [line["response"] for line in lines(name) if line.get("method") == "POST" and line["code"] == 201]
    objects = [split(obj) for obj in made if obj["kind"] in UNTOUCHED_BY_ADMISSION]
    assert objects
    for obj, (recorded, *_) in objects:
        group, _, version = obj["apiVersion"].rpartition("/")
        struct = schema.for_kind(group, version, obj["kind"])
        (entry,) = fields_of_update([], None, obj, recorded["manager"], obj["apiVersion"], recorded["time"], "", struct)
        assert json.dumps(entry) == json.dumps(recorded)


def recorded_patch(number: int) -> tuple[Object, Any, Object]:
    """The object before a line of the recording, the patch, the object after it."""
    recording = lines("apply-and-patch.jsonl")
    return split(recording[number - 2]["response"])[0], recording[number - 1]["body"], split(recording[number - 1]["response"])[0]


@pytest.mark.parametrize("number", [11, 12])
def test_a_recorded_strategic_patch_gives_the_recorded_spec(number: int) -> None:
    old, patch, new = recorded_patch(number)
    patched = strategic_merge.apply(old, patch, schema.for_kind("apps", "v1", "Deployment"))["spec"]
    for port in (port for container in patched["template"]["spec"]["containers"] for port in container.get("ports", ())):
        port.setdefault("protocol", "TCP")
    assert patched == new["spec"]


def test_recorded_json_and_merge_patches_give_the_recorded_labels() -> None:
    old, patch, new = recorded_patch(13)
    assert json_patch.apply(old, patch)["metadata"]["labels"] == new["metadata"]["labels"]
    old, patch, new = recorded_patch(14)
    assert merge_patch.apply(old, patch)["metadata"]["labels"] == new["metadata"]["labels"]


def test_custom_objects_are_owned_by_their_structural_schema() -> None:
    recording = lines("custom-resources.jsonl")
    definition = next(line["response"] for line in recording if line.get("method") == "POST" and line["code"] == 201)
    structural = definition["spec"]["versions"][0].get("schema", {}).get("openAPIV3Schema")
    group = definition["spec"]["group"]
    made = [line["response"] for line in recording if line.get("method") == "POST" and line.get("code") == 201]
    objects = [split(obj) for obj in made if obj["apiVersion"].startswith(group)]
    assert objects
    for obj, recorded in objects:
        time = recorded[0]["time"] if recorded else "T"
        assert fields_of_update([], None, obj, "Python-urllib", obj["apiVersion"], time, "", custom_shape(structural)) == recorded
