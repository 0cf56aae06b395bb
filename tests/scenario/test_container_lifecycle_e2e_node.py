"""The order in which a pod's containers and hooks start and end, with the outcomes that upstream's node tests expect.

upstream: test/e2e_node/container_lifecycle_test.go, 1.28. As there, every command writes what it does into a file that outlives its container;
here the containers of a pod share the file, so that its order is that of what happened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import kubelab as kl

Object = dict[str, Any]
Make = Callable[..., kl.Cluster]
FILE = "/persistent/out.log"
FALSE = {"exec": {"command": ["sh", "-c", "exit 1"]}}
STARTED = {"exec": {"command": ["test", "-f", "started"]}}


def command(name: str, *, code: int = 0, start_delay: int = 0, delay: int = 0, termination: int = 0) -> list[str]:
    """upstream: ExecCommand."""
    lines = [
        f"echo {name} Starting >> {FILE}",
        f"trap 'sleep {termination}; echo {name} Exiting >> {FILE}; exit {code}' TERM",
        f"sleep {start_delay} & wait $!" if start_delay else "true",
        "touch started",
        f"echo {name} Started >> {FILE}",
        f"sleep {delay} & wait $!" if delay else "true",
        f"echo {name} Exiting >> {FILE}",
        f"exit {code}",
    ]
    return ["sh", "-c", "; ".join(lines)]


def hook(name: str) -> Object:
    """A hook that takes a second."""
    script = f"echo {name} Starting >> {FILE}; echo {name} Started >> {FILE}; sleep 1; echo {name} Exiting >> {FILE}"
    return {"exec": {"command": ["sh", "-c", script]}}


def container(name: str, *, image: str = "busybox:1.36", more: Object | None = None, **does: int) -> Object:
    mount = [{"name": "persistent", "mountPath": "/persistent"}]
    return {"name": name, "image": image, "command": command(name, **does), "volumeMounts": mount, **(more or {})}


def sidecar(name: str, *, more: Object | None = None, image: str = "busybox:1.36", **does: int) -> Object:
    return container(name, image=image, more={"restartPolicy": "Always", **(more or {})}, **does)


class Story:
    """A pod on a node of its own."""

    def __init__(self, make: Make, policy: str, inits: list[Object], containers: list[Object], **spec: Any) -> None:
        self.cluster = make(1, seed=5, feature_gates={"SidecarContainers": True})
        volumes = [{"name": "persistent", "emptyDir": {}}]
        whole = {"restartPolicy": policy, "initContainers": inits, "containers": containers, "volumes": volumes, **spec}
        self.cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": whole})

    @property
    def status(self) -> Object:
        return self.cluster["pod/p"]["status"]

    def run(self, duration: str) -> Story:
        self.cluster.run(duration)
        return self

    @property
    def lines(self) -> list[str]:
        disks = self.cluster._engine.machines[""]["disks"]
        return next((files["out.log"] for name, files in disks.items() if name.endswith("/persistent") and "out.log" in files), "").split(
            "\n"
        )

    def index(self, line: str, after: int = -1) -> int:
        return next((at for at, found in enumerate(self.lines) if at > after and found == line), -1)

    # upstream's words
    def starts_before(self, first: str, then: str) -> bool:
        begun = self.index(f"{first} Started")
        return begun >= 0 and self.index(f"{then} Starting", begun) >= 0

    def exits_before(self, first: str, then: str) -> bool:
        ended = self.index(f"{first} Exiting")
        return ended >= 0 and self.index(f"{then} Starting", ended) >= 0

    def starts(self, name: str) -> bool:
        return self.index(f"{name} Started") >= 0

    def exits(self, name: str) -> bool:
        return self.index(f"{name} Exiting") >= 0

    def restarted(self, name: str) -> bool:
        return self.lines.count(f"{name} Starting") > 1

    def state(self, name: str) -> Object:
        both = [*self.status.get("initContainerStatuses", ()), *self.status["containerStatuses"]]
        return next(each for each in both if each["name"] == name)


INITS = [container(f"init-{number}", delay=1) for number in (1, 2, 3)]


def in_turn(story: Story, *names: str) -> bool:
    return all(story.starts_before(one, other) and story.exits_before(one, other) for one, other in zip(names, names[1:], strict=False))


def test_init_containers_run_serially_before_a_regular_one(make: Make) -> None:
    story = Story(make, "Never", INITS, [container("regular-1", start_delay=5, delay=1, more={"startupProbe": STARTED})]).run("1m")
    assert story.status["phase"] == "Succeeded"
    assert in_turn(story, "init-1", "init-2", "init-3", "regular-1")


def test_no_regular_containers_if_an_init_container_fails(make: Make) -> None:
    story = Story(make, "Never", [container("init-1", delay=1, code=1)], [container("regular-1", delay=1)]).run("1m")
    assert story.status["phase"] == "Failed"
    assert story.starts("init-1") and story.exits("init-1")
    assert not story.starts("regular-1")


def test_init_containers_complete_before_post_start_of_a_regular_one(make: Make) -> None:
    more = {"lifecycle": {"postStart": hook("post-start")}}
    story = Story(make, "Never", [container("init-1", delay=1)], [container("regular-1", delay=2, more=more)]).run("1m")
    assert in_turn(story, "init-1", "post-start")
    assert story.index("post-start Started") < story.index("regular-1 Exiting")


def test_a_failing_container_is_restarted(make: Make) -> None:
    story = Story(make, "Always", [], [container("regular-1", delay=1, code=1)]).run("2m")
    assert story.state("regular-1")["restartCount"] >= 3
    assert in_turn(story, "regular-1", "regular-1")


def test_the_second_container_waits_for_post_start_of_the_first(make: Make) -> None:
    more = {"lifecycle": {"postStart": hook("post-start")}}
    story = Story(make, "Never", [], [container("regular-1", delay=2, more=more), container("regular-2", delay=1)]).run("1m")
    assert in_turn(story, "post-start", "regular-2")


def test_init_containers_are_not_restarted_with_a_regular_one(make: Make) -> None:
    story = Story(make, "Always", INITS, [container("regular-1", delay=10, code=255)]).run("2m30s")
    assert story.state("regular-1")["restartCount"] >= 3
    assert in_turn(story, "init-1", "init-2", "init-3", "regular-1")
    assert [story.restarted(name) for name in ("init-1", "init-2", "init-3", "regular-1")] == [False, False, False, True]


@pytest.mark.parametrize("long", [None, ["sleep", "10000"]], ids=["", "with long-running preStop hook"])
def test_the_grace_period_is_respected(make: Make, long: Any) -> None:
    """A pod that cannot terminate gracefully: sleep as the first process takes no notice of TERM on a real node."""
    stubborn: Object = {"name": "c", "image": "busybox:1.36", "command": ["sh", "-c", "trap '' TERM; while true; do sleep 1; done"]}
    if long:
        stubborn["lifecycle"] = {"preStop": {"exec": {"command": long}}}
    story = Story(make, "Always", [], [stubborn], terminationGracePeriodSeconds=30).run("20s")
    story.cluster.delete("pod/p")
    story.run("29s")
    assert story.cluster["pod/p"]["metadata"]["deletionGracePeriodSeconds"] == 30
    story.run("5s")
    with pytest.raises(kl.ApiError, match="not found"):
        story.cluster.get("pod", "p")


@pytest.mark.parametrize("kind", ["startup", "liveness"])
def test_pre_stop_runs_if_a_probe_fails(make: Make, kind: str) -> None:
    more = {"lifecycle": {"preStop": hook("pre-stop")}, f"{kind}Probe": {**FALSE, "initialDelaySeconds": 10, "failureThreshold": 1}}
    story = Story(make, "Never", [], [container("regular-1", delay=100, termination=15, more=more)]).run("2m")
    assert story.status["phase"] == "Succeeded"
    assert story.starts("pre-stop") and story.exits("regular-1")
    assert story.index("pre-stop Started") < story.index("regular-1 Exiting")


# -- sidecars -------------------------------------------------------------------------------------------------------------------
def test_three_init_containers_and_two_sidecars(make: Make) -> None:
    """using a Pod with restartPolicy=Never, three init container and two restartable init containers."""
    one, two, three = INITS
    inits = [one, sidecar("sidecar-1", delay=600), two, sidecar("sidecar-2", delay=600), three]
    story = Story(make, "Never", inits, [container("regular-1", delay=1)]).run("2m")
    assert story.status["phase"] == "Succeeded"
    assert story.exits_before("init-1", "sidecar-1")
    assert story.starts_before("sidecar-1", "init-2")
    assert story.exits_before("init-2", "sidecar-2")
    assert story.starts_before("sidecar-2", "init-3")
    assert story.exits_before("init-3", "regular-1")
    assert story.index("sidecar-1 Exiting") > story.index("regular-1 Exiting")
    assert not story.restarted("sidecar-1") and not story.restarted("sidecar-2")


@pytest.mark.parametrize(("policy", "phase", "restarted"), [("Never", "Succeeded", False), ("OnFailure", "Succeeded", False),
                                                           ("Always", "Running", True)])  # fmt: skip
def test_a_sidecar_runs_continuously(make: Make, policy: str, phase: str, restarted: bool) -> None:
    story = Story(make, policy, [sidecar("sidecar-1", delay=600)], [container("regular-1", delay=1)]).run("2m")
    assert story.status["phase"] == phase
    assert story.starts_before("sidecar-1", "regular-1") and story.exits("regular-1")
    assert (story.restarted("sidecar-1"), story.restarted("regular-1")) == (False, restarted)


@pytest.mark.parametrize("policy", ["Never", "OnFailure", "Always"])
def test_a_sidecar_with_a_bad_image(make: Make, policy: str) -> None:
    bad = sidecar("sidecar-1", image="nginx:1.161", delay=600)
    story = Story(make, policy, [bad], [container("regular-1", delay=1)]).run("1m")
    assert story.status["phase"] == "Pending"
    story.cluster.run(until=lambda c: "ImagePullBackOff" in str(story.state("sidecar-1")["state"]), timeout="1m")
    assert not story.starts("sidecar-1") and not story.starts("regular-1")


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize(("policy", "phase"), [("Never", "Succeeded"), ("OnFailure", "Succeeded"), ("Always", "Running")])
def test_a_sidecar_that_ends_is_restarted_before_and_after_the_regular_one_starts(make: Make, policy: str, phase: str, code: int) -> None:
    inits = [sidecar("sidecar-1", delay=1, code=code), container("init-1", delay=5)]
    story = Story(make, policy, inits, [container("regular-1", delay=60)]).run("3m")
    assert story.status["phase"] in (phase, "Running")
    assert story.starts_before("sidecar-1", "regular-1") and story.exits("regular-1")
    assert story.starts_before("regular-1", "sidecar-1")
    assert story.lines.count("init-1 Starting") == 1
    if policy != "Always":
        assert story.status["phase"] == "Succeeded"
    else:
        assert story.restarted("regular-1")


@pytest.mark.parametrize(("policy", "phase"), [("Never", "Failed"), ("OnFailure", "Pending"), ("Always", "Pending")])
def test_an_init_container_before_a_sidecar_fails(make: Make, policy: str, phase: str) -> None:
    story = Story(make, policy, [container("init-1", delay=1, code=1), sidecar("sidecar-1", delay=600)], [container("regular-1", delay=1)])
    story.run("2m")
    assert story.status["phase"] == phase
    assert (story.state("init-1")["restartCount"] >= 3) is (policy != "Never")
    assert not story.starts("sidecar-1") and not story.starts("regular-1")


@pytest.mark.parametrize(("policy", "phase"), [("Never", "Failed"), ("OnFailure", "Pending"), ("Always", "Pending")])
def test_an_init_container_after_a_sidecar_fails(make: Make, policy: str, phase: str) -> None:
    story = Story(make, policy, [sidecar("sidecar-1", delay=600), container("init-1", delay=1, code=1)], [container("regular-1", delay=1)])
    story.run("2m")
    assert story.status["phase"] == phase
    assert (story.state("init-1")["restartCount"] >= 3) is (policy != "Never")
    assert story.starts_before("sidecar-1", "init-1") and not story.restarted("sidecar-1")
    assert not story.starts("regular-1")


def test_sidecars_start_serially_by_their_startup_probes(make: Make) -> None:
    inits = [sidecar(f"sidecar-{number}", start_delay=10, delay=600, more={"startupProbe": STARTED}) for number in (1, 2)]
    story = Story(make, "Never", inits, [container("regular-1", delay=1)]).run("3m")
    assert story.status["phase"] == "Succeeded"
    assert story.starts_before("sidecar-1", "sidecar-2")
    assert story.starts_before("sidecar-2", "regular-1")


@pytest.mark.parametrize(("kind", "starts"), [("startup", False), ("liveness", True)])
def test_a_sidecar_whose_probe_fails(make: Make, kind: str, starts: bool) -> None:
    more = {"lifecycle": {"preStop": hook("pre-stop")}, f"{kind}Probe": {**FALSE, "initialDelaySeconds": 5, "failureThreshold": 1}}
    story = Story(make, "Always", [sidecar("sidecar-1", delay=600, termination=15, more=more)], [container("regular-1", delay=1)]).run("3m")
    assert story.state("sidecar-1")["restartCount"] >= 2
    assert story.starts("pre-stop") and story.exits("sidecar-1")
    assert story.starts("regular-1") is starts
    assert (story.status["phase"] == "Pending") is not starts
    killing = [event["message"] for event in story.cluster.list("events") if event["reason"] == "Killing"]
    assert f"Init container sidecar-1 failed {kind} probe" in killing
