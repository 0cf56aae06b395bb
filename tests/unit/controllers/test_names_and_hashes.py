"""Names that follow from content: recorded ControllerRevision names, hashes, canonical JSON."""

import pytest

from kubelab.controllers.common.history import as_encoded, canonical_json, new_revision, revision_hash, revision_name, template_data
from kubelab.controllers.common.template_hash import equal_templates, fnv32, fnv32a, template_hash
from tests.unit.controllers.builders import stateful_set, template

POD_SPEC = {
    "containers": [
        {
            "image": "nginx:1",
            "imagePullPolicy": "IfNotPresent",
            "name": "c",
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
        }
    ],
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "terminationGracePeriodSeconds": 0,
}


def recorded_template(image):
    containers = [{**POD_SPEC["containers"][0], "image": image}]
    return {"metadata": {"labels": {"app": "web"}}, "spec": {**POD_SPEC, "containers": containers}}


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("nginx:1", "web-68b74b5f74"),  # recorded: watch-order-statefulset.json, stories: create statefulset web
        ("nginx:2", "web-669bdd655c"),  # recorded: image nginx:2 with partition 2
    ],
)
def test_revision_names_are_those_of_a_real_control_plane(image, name):
    owner = stateful_set(template=recorded_template(image))
    assert new_revision(owner, template_data(owner["spec"]["template"]), 1, 0)["metadata"]["name"] == name


def test_a_revision_carries_labels_of_the_template_and_annotations_of_the_set():
    # upstream: newRevision, stateful_set_utils.go; NewControllerRevision, controller_history.go
    owner = stateful_set(annotations={"note": "x"})
    made = new_revision(owner, template_data(owner["spec"]["template"]), 4, 0)
    hash_ = made["metadata"]["name"].removeprefix("web-")
    assert made["metadata"]["labels"] == {"app": "web", "controller.kubernetes.io/hash": hash_}
    assert made["metadata"]["annotations"] == {"note": "x"}
    assert made["metadata"]["ownerReferences"][0]["uid"] == "uid-web"
    assert made["revision"] == 4
    assert made["data"]["spec"]["template"]["$patch"] == "replace"


def test_a_collision_gives_another_name():
    data = template_data(template())
    assert len({revision_hash(data, count) for count in range(5)}) == 5


def test_a_long_name_is_cut():
    # upstream: ControllerRevisionName, controller_history.go
    assert revision_name("a" * 300, "x") == "a" * 223 + "-x"


@pytest.mark.parametrize(
    ("text", "one", "one_a"),
    [("", 0x811C9DC5, 0x811C9DC5), ("a", 0x050C5D7E, 0xE40C292C), ("foobar", 0x31F0B262, 0xBF9CF968)],  # draft-eastlake-fnv, test vectors
)
def test_fnv(text, one, one_a):
    assert fnv32(text.encode()) == one
    assert fnv32a(text.encode()) == one_a


def test_canonical_json_is_gos():
    # Go's encoding/json: sorted keys, HTML characters escaped, other letters as they are
    assert canonical_json({"b": "<&>", "a": ["ü", None, True]}) == '{"a":["ü",null,true],"b":"\\u003c\\u0026\\u003e"}'


def test_fields_that_gos_encoding_always_writes_are_added():
    encoded = as_encoded({"metadata": {}, "spec": {"containers": [{"name": "c"}], "initContainers": [{"name": "i", "resources": {}}]}})
    assert encoded == {
        "metadata": {"creationTimestamp": None},
        "spec": {"containers": [{"name": "c", "resources": {}}], "initContainers": [{"name": "i", "resources": {}}]},
    }


def with_label(tmpl, **labels):
    return {**tmpl, "metadata": {"labels": {**tmpl["metadata"]["labels"], **labels}}}


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (template(), template(), True),  # upstream: TestEqualIgnoreHash, deployment_util_test.go, same spec, same labels
        (with_label(template(), **{"pod-template-hash": "1"}), template(), True),  # only one has the hash label
        (with_label(template(), **{"pod-template-hash": "1"}), with_label(template(), **{"pod-template-hash": "2"}), True),
        (template("app:1"), template("app:2"), False),
        (with_label(template(), something="else"), template(), False),
        (template(), {**template(), "spec": {**template()["spec"], "volumes": []}}, True),
    ],
)
def test_templates_are_equal_but_for_the_hash(one, other, equal):
    assert equal_templates(one, other) is equal
    assert equal_templates(other, one) is equal


def test_the_template_hash_counts_the_collisions():
    # upstream: ComputeHash, controller_utils.go: a count of 0 differs from none
    hashes = [template_hash(template(), count) for count in (None, 0, 1)]
    assert len(set(hashes)) == 3
    assert hashes == [template_hash(template(), count) for count in (None, 0, 1)]
    assert set("".join(hashes)) <= set("bcdfghjklmnpqrstvwxz2456789")
