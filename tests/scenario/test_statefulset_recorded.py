"""What a real StatefulSet controller wrote in a recorded story, in its order; kubelab's writes the same.

Recorded on a 1.20.2 control plane with agents that make pods ready at once: its audit log at level RequestResponse. Repetitions of a call,
refused ones and events are left out: how many status updates there are depends on what runs at the same time.
"""

from __future__ import annotations

from collections.abc import Callable

import kubelab as kl
from tests.builders import image_patch, statefulset

Act = Callable[[kl.Cluster], object]
STATUS = "update statefulsets/status web"


def partition(number: int) -> Act:
    return lambda cluster: cluster.patch("sts/web", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": number}}}})


def image(name: str) -> Act:
    return lambda cluster: cluster.patch("sts/web", image_patch(name))


STORY: list[tuple[str, Act, list[str]]] = [
    (
        "create statefulset web, 3 replicas, OrderedReady",
        lambda cluster: cluster.create(statefulset("web", 3, "nginx:1", pod_spec={"terminationGracePeriodSeconds": 0})),
        ["create controllerrevisions", "create pods web-0", STATUS, "create pods web-1", STATUS, "create pods web-2", STATUS],
    ),
    ("set partition 2", partition(2), [STATUS]),
    (
        "a new image with partition 2: only web-2",
        image("nginx:1.24"),
        ["create controllerrevisions", "delete pods web-2", STATUS, "create pods web-2", STATUS],
    ),
    (
        "partition 0",
        partition(0),
        ["delete pods web-1", STATUS, "create pods web-1", STATUS, "delete pods web-0", STATUS, "create pods web-0", STATUS],
    ),
    (
        "a broken image: stops at web-2",
        image("nginx:1.161"),
        ["create controllerrevisions", "delete pods web-2", STATUS, "create pods web-2", STATUS],
    ),
    ("back to the image before: the forced-rollback trap, web-2 stays broken", image("nginx:1.24"), ["update controllerrevisions", STATUS]),
    ("delete pod web-2: the cure", lambda cluster: cluster.delete("pod/web-2"), ["create pods web-2", STATUS]),
    ("scale to 1", lambda cluster: cluster.scale("sts/web", 1), ["delete pods web-2", STATUS, "delete pods web-1", STATUS]),
]


def test_the_same_writes_in_the_same_order(cluster: kl.Cluster) -> None:
    for title, act, recorded in STORY:
        before = len(cluster._engine.store.log.calls)
        act(cluster)
        cluster.run("25s")
        written: list[str] = []
        for call in cluster._engine.store.log.calls[before:]:
            if call.component != "statefulset-controller" or call.verb in ("get", "list", "watch") or call.code >= 400:
                continue
            resource = call.resource.partition(".")[0]
            if resource == "events":
                continue
            line = f"{call.verb} {resource}{'/' + call.subresource if call.subresource else ''} {call.name}"
            line = line.rpartition(" ")[0] if resource == "controllerrevisions" else line
            if written[-1:] != [line]:
                written.append(line)
        assert written == recorded, title
