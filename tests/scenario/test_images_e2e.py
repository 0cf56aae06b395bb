"""Images that cannot be had, with the outcomes that upstream's tests expect.

upstream: test/e2e/common/node/runtime.go, pkg/kubelet/images/image_manager_test.go, 1.28.
"""

from __future__ import annotations

import pytest

import kubelab as kl
from tests.builders import container, pod
from tests.scenario.e2e import events, is_ready, waiting

ROWS = [
    (
        "should not be able to pull image from invalid registry",
        "invalid.registry.k8s.io/invalid/alpine:3.1",
        "Always",
        "Pull",
        "no such host",
    ),
    ("a tag that does not exist", "nginx:1.161", "IfNotPresent", "Pull", "docker.io/library/nginx:1.161: not found"),
    (
        "never pulled and not there",
        "nginx:1.25",
        "Never",
        "ErrImageNeverPull",
        'Container image "nginx:1.25" is not present with pull policy of Never',
    ),
    ("no reference", "BAD NAME", "Always", "InvalidImageName", "invalid reference format"),
]


@pytest.mark.parametrize(("title", "image", "policy", "reason", "words"), ROWS, ids=[row[0] for row in ROWS])
def test_reasons(cluster: kl.Cluster, title: str, image: str, policy: str, reason: str, words: str) -> None:
    cluster.apply(pod("p", container(image, imagePullPolicy=policy)))
    seen = {}
    for _ in range(60):
        cluster.run("1s")
        seen[waiting(cluster, "p")] = True
    assert list(seen)[-1] in ((reason,) if reason != "Pull" else ("ErrImagePull", "ImagePullBackOff"))
    assert reason != "Pull" or {"ErrImagePull", "ImagePullBackOff"} <= set(seen)
    assert any(words in message for message in events(cluster, "p"))


def test_pulls_back_off_and_go_on_when_the_image_is_there(cluster: kl.Cluster) -> None:
    """upstream: image_manager.go back-off 10 s … 5 min; after 25 events about a pod the spam filter holds the rest back."""
    fault = cluster.fault("ImageBroken", images=["nginx:1.25"])
    cluster.apply(pod("p"))
    cluster.run("10m")
    tried = next(item["count"] for item in cluster.list("events") if item["reason"] == "Pulling")
    assert tried == 4
    cluster.delete(fault)
    cluster.run("6m")
    assert is_ready(cluster["pod/p"])


def test_an_image_is_pulled_once_for_a_node(cluster: kl.Cluster) -> None:
    """upstream: pkg/kubelet/images TestPullAndListImageWithPodAnnotations; IfNotPresent."""
    for index in range(3):
        cluster.apply(pod(f"p{index}", nodeName="node-1"))
    cluster.run("20s")
    messages = [events(cluster, f"p{index}", "Pulled")[0] for index in range(3)]
    assert sum(message.startswith("Successfully pulled") for message in messages) <= 3
    cluster.apply(pod("late", nodeName="node-1"))
    cluster.run("5s")
    assert events(cluster, "late", "Pulled") == ['Container image "nginx:1.25" already present on machine']
