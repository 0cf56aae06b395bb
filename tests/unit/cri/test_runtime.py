"""The simulated runtime against the CRI's rules.

Source: cri-tools pkg/validate/{container,pod,image}.go; containerd internal/cri/server (2026); api.proto, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.cri import api
from kubelab.cri.api import ContainerSpec, CriError, SandboxConfig
from kubelab.cri.runtime import SimulatedRuntime
from kubelab.world import codec
from tests.unit.cri.builders import SECOND, MiniCluster


def node() -> SimulatedRuntime:
    """A runtime with two images and a sandbox."""
    runtime = MiniCluster().runtimes["node-1"]
    runtime.pull_image("nginx:1.25", 0)
    runtime.pull_image("busybox", 0)
    return runtime


def sandbox(runtime: SimulatedRuntime, name: str = "web-0", **fields: Any) -> str:
    return runtime.run_pod_sandbox(SandboxConfig(name, "default", f"uid-{name}", **fields), 0)


def created(runtime: SimulatedRuntime, inside: str, name: str = "main", image: str = "nginx:1.25", **fields: Any) -> str:
    return runtime.create_container(inside, ContainerSpec(name, image, pod_name="web-0", **fields), 0)


def running(runtime: SimulatedRuntime, inside: str, name: str = "main", image: str = "nginx:1.25", **fields: Any) -> str:
    container = created(runtime, inside, name, image, **fields)
    runtime.start_container(container, 0)
    return container


def refusal(call: Any, *arguments: Any, **named: Any) -> tuple[str, str]:
    with pytest.raises(CriError) as caught:
        call(*arguments, **named)
    return caught.value.code, caught.value.message


def test_the_simulated_runtime_is_a_runtime_service() -> None:
    service: api.RuntimeService = node()
    wanted = [name for name in vars(api.RuntimeService) if not name.startswith("_")]
    assert all(callable(getattr(service, name)) for name in wanted)


def test_container_goes_from_created_over_running_to_exited() -> None:
    runtime = node()
    container = created(runtime, sandbox(runtime))
    assert runtime.container_status(container).state == api.CREATED
    assert (runtime.container_status(container).started_ns, runtime.container_status(container).finished_ns) == (0, 0)
    runtime.start_container(container, 1 * SECOND)
    assert runtime.container_status(container).state == api.RUNNING
    runtime.stop_container(container, 30 * SECOND, 5 * SECOND)
    (gone,) = runtime.tick(5 * SECOND)
    assert gone == runtime.container_status(container)
    assert (gone.state, gone.exit_code, gone.reason) == (api.EXITED, 0, "Completed")
    assert (gone.created_ns, gone.started_ns, gone.finished_ns) == (0, 1 * SECOND, 5 * SECOND)
    assert runtime.tick(6 * SECOND) == ()


def test_unknown_ids() -> None:
    runtime = node()
    for call in (runtime.pod_sandbox_status, runtime.container_status):
        assert refusal(call, "nope")[0] == "NotFound"
    assert refusal(runtime.start_container, "nope", 0)[0] == "NotFound"
    assert refusal(runtime.exec_sync, "nope", ("true",), 0)[0] == "NotFound"
    assert refusal(runtime.create_container, "nope", ContainerSpec("a", "nginx:1.25"), 0)[0] == "NotFound"
    runtime.stop_container("nope", 0, 0)
    runtime.remove_container("nope", 0)
    runtime.stop_pod_sandbox("nope", 0)
    runtime.remove_pod_sandbox("nope", 0)
    runtime.remove_image("nope")
    assert runtime.image_status("nope") is None
    assert runtime.list_containers(id="nope") == []
    assert runtime.list_pod_sandbox(id="nope") == []


def test_wrong_states() -> None:
    runtime = node()
    inside = sandbox(runtime)
    container = running(runtime, inside)
    assert refusal(runtime.start_container, container, 0) == ("Unknown", "container is in CONTAINER_RUNNING state")
    runtime.stop_container(container, 0, 0)
    assert runtime.container_status(container).exit_code == 137
    assert refusal(runtime.start_container, container, 0) == ("Unknown", "container is in CONTAINER_EXITED state")
    assert refusal(runtime.exec_sync, container, ("true",), 0) == ("Unknown", "container is in CONTAINER_EXITED state")
    second = created(runtime, inside, "second")
    runtime.stop_container(second, 0, 0)
    assert runtime.container_status(second).state == api.CREATED
    runtime.stop_pod_sandbox(inside, 0)
    assert refusal(runtime.start_container, second, 0) == ("Unknown", f'sandbox container "{inside}" is not running')


def test_names_are_taken_for_the_sandbox_s_whole_life() -> None:
    runtime = node()
    inside = sandbox(runtime)
    container = created(runtime, inside)
    assert "is reserved for" in refusal(created, runtime, inside)[1]
    created(runtime, inside, attempt=1)
    assert "is reserved for" in refusal(sandbox, runtime)[1]
    assert sandbox(runtime, attempt=1) != inside
    assert refusal(sandbox, runtime, "") == ("Unknown", "sandbox config must include metadata")
    assert runtime.container_status(container).spec.attempt == 0


def test_image_must_be_present() -> None:
    runtime = node()
    code, message = refusal(created, runtime, sandbox(runtime), image="redis:7")
    assert (code, 'image "redis:7": not found' in message) == ("NotFound", True)


def test_stopping_a_sandbox_kills_and_keeps_everything_listed() -> None:
    runtime = node()
    inside = sandbox(runtime, ip="10.0.0.9")
    container = running(runtime, inside, ports=(80,))
    assert runtime.has_address("10.0.0.9")
    runtime.stop_pod_sandbox(inside, 7 * SECOND)
    runtime.stop_pod_sandbox(inside, 8 * SECOND)
    assert runtime.pod_sandbox_status(inside).state == api.NOTREADY
    assert (runtime.container_status(container).exit_code, runtime.container_status(container).finished_ns) == (137, 7 * SECOND)
    assert not runtime.has_address("10.0.0.9")
    runtime.remove_pod_sandbox(inside, 9 * SECOND)
    assert (runtime.list_pod_sandbox(), runtime.list_containers()) == ([], [])


def test_lists_filter() -> None:
    runtime = node()
    first, second = sandbox(runtime, "a", labels={"app": "a"}), sandbox(runtime, "b", labels={"app": "b"})
    one = running(runtime, first, labels={"n": "1"}, by_hand=True)
    two = created(runtime, second, labels={"n": "2"}, by_hand=True)
    assert [item.id for item in runtime.list_containers()] == [one, two]
    assert [item.id for item in runtime.list_containers(state=api.RUNNING)] == [one]
    assert [item.id for item in runtime.list_containers(pod_sandbox_id=second)] == [two]
    assert [item.id for item in runtime.list_containers(pod_sandbox_id=second[:12], labels={"n": "2"})] == [two]
    assert [item.id for item in runtime.list_containers(id=one[:10], labels={"n": "2"})] == []
    assert [item.id for item in runtime.list_pod_sandbox(labels={"app": "b"}, state=api.READY)] == [second]


def test_images() -> None:
    runtime = node()
    record = runtime.image_status("docker.io/library/nginx:1.25")
    assert record is not None
    assert record == runtime.image_status("nginx:1.25") == runtime.image_status(record.id) == runtime.image_status(record.digests[0])
    assert record.tags == ("docker.io/library/nginx:1.25",)
    by_digest = "example.com/app@sha256:" + "1" * 64
    runtime.pull_image(by_digest, 0)
    found = runtime.image_status(by_digest)
    assert found is not None
    assert (found.tags, found.digests) == ((), (by_digest,))
    runtime.remove_image(record.id)
    assert runtime.image_status("nginx:1.25") is None
    assert len(runtime.list_images()) == 2
    assert refusal(runtime.pull_image, "nginx:1.161", 0)[1].endswith("docker.io/library/nginx:1.161: not found")


@pytest.mark.parametrize(
    ("command", "end", "code", "reason"),
    [
        # As process 1 without a handler, sleep does not get TERM.
        (("sleep", "3600"), 30, 137, "Error"),
        (("sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"), 0, 0, "Completed"),
        (("sh", "-c", "trap 'sleep 5; exit 3' TERM; sleep 3600 & wait"), 5, 3, "Error"),
        (("sh", "-c", "trap 'sleep 500' TERM; sleep 3600 & wait"), 30, 137, "Error"),
    ],
)
def test_stop_with_thirty_seconds_of_grace(command: tuple[str, ...], end: float, code: int, reason: str) -> None:
    runtime = node()
    container = running(runtime, sandbox(runtime), image="busybox", command=command)
    runtime.stop_container(container, 30 * SECOND, 0)
    exits = [item for item in runtime.tick(100 * SECOND) if item.id == container]
    assert [(item.finished_ns / SECOND, item.exit_code, item.reason) for item in exits] == [(end, code, reason)]


def test_a_second_stop_may_only_shorten_the_grace() -> None:
    runtime = node()
    container = running(runtime, sandbox(runtime), image="busybox", command=("sleep", "3600"))
    runtime.stop_container(container, 30 * SECOND, 0)
    runtime.stop_container(container, 60 * SECOND, 1 * SECOND)
    assert runtime.next_wake_ns() == 30 * SECOND
    runtime.stop_container(container, 2 * SECOND, 3 * SECOND)
    assert runtime.next_wake_ns() == 5 * SECOND


def test_a_command_that_is_not_there_fails_the_start() -> None:
    runtime = node()
    container = created(runtime, sandbox(runtime), image="busybox", command=("serve", "--fast"))
    code, message = refusal(runtime.start_container, container, 4 * SECOND)
    assert message.endswith('exec: "serve": executable file not found in $PATH: unknown')
    status = runtime.container_status(container)
    assert (code, status.state, status.reason, status.exit_code) == ("Unknown", api.EXITED, "StartError", 128)


def test_exec() -> None:
    runtime = node()
    container = running(runtime, sandbox(runtime))
    write = runtime.exec_sync(container, ("/bin/sh", "-c", "echo Hello from the postStart handler > /usr/share/message"), 0)
    assert write.exit_code == 0
    assert runtime.exec_sync(container, ("cat", "/usr/share/message"), 0).output == "Hello from the postStart handler\n"
    assert runtime.exec_sync(container, ("cat", "/nope"), 0).exit_code == 1
    # What an image that the lab does not know contains is not known either: its own commands succeed, except to find processes.
    assert runtime.exec_sync(container, ("sh", "-c", "/ready-probe.sh && redis-cli ping | grep -q x || exit 5"), 0).exit_code == 5
    assert runtime.exec_sync(container, ("sh", "-c", "nginx -s quit; while killall -0 nginx; do sleep 1; done"), 0).duration_ns == 0
    assert runtime.exec_sync(container, ("sleep", "10"), 0).duration_ns == 10 * SECOND
    assert runtime.exec_sync(container, ("sh", "-c", "sleep infinity"), 0).duration_ns is None
    assert refusal(runtime.exec_sync, container, ("sleep", "10"), 0, 1 * SECOND) == ("DeadlineExceeded", 'command "sleep 10" timed out')


def test_exec_may_signal_the_main_process() -> None:
    runtime = node()
    container = running(runtime, sandbox(runtime), image="busybox", command=("sh", "-c", "trap 'echo bye; exit 7' TERM; sleep 99 & wait"))
    runtime.exec_sync(container, ("sh", "-c", "kill 1"), 3 * SECOND)
    assert [(item.exit_code, item.finished_ns) for item in runtime.tick(3 * SECOND)] == [(7, 3 * SECOND)]
    assert [entry.text for entry in runtime.logs(container)] == ["bye\n"]


def test_termination_message_can_be_read_after_the_end() -> None:
    runtime = node()
    script = "sleep 10 && echo Sleep expired > /dev/termination-log"
    container = running(
        runtime, sandbox(runtime), image="debian" if runtime.pull_image("debian", 0) else "", command=("/bin/sh",), args=("-c", script)
    )
    (gone,) = runtime.tick(10 * SECOND)
    assert (gone.exit_code, runtime.read_file(container, "/dev/termination-log", 11 * SECOND)) == (0, "Sleep expired\n")


def test_a_program_that_nobody_claims_costs_no_wake() -> None:
    runtime = node()
    container = running(runtime, sandbox(runtime, ip="10.0.0.1"), ports=(80, 443))
    assert runtime.next_wake_ns() is None
    assert [runtime.http("10.0.0.1", port, "/any", 0) is not None for port in (80, 443, 81)] == [True, True, False]
    assert [runtime.probe_tcp(container, port, 0) for port in (80, 81)] == [True, False]


def test_state_is_data_and_a_copy_of_the_tables_is_a_fork() -> None:
    runtime = node()
    inside = sandbox(runtime)
    loop = "f() { while true; do i=$((i+1)); (echo $i > /tmp/n; sleep 1); done; }; f 2>/dev/null | cat &"
    script = f"i=0; {loop} trap 'exit 4' TERM; for x in 1 2; do sleep 2; done; wait"
    container = running(runtime, inside, image="busybox", command=("sh", "-c", script))
    runtime.tick(3 * SECOND)
    saved = codec.decode(codec.encode(runtime.tables))
    assert saved == runtime.tables
    fork = SimulatedRuntime({name: dict(table) for name, table in runtime.tables.items()}, {}, runtime.around)
    before = {name: dict(table) for name, table in runtime.tables.items()}
    fork.stop_container(container, 30 * SECOND, 3 * SECOND)
    assert [item.exit_code for item in fork.tick(10 * SECOND)] == [4]
    assert runtime.tables == before
    again = SimulatedRuntime(saved, {}, runtime.around)
    assert again.tick(60 * SECOND) == runtime.tick(60 * SECOND)
    assert again.tables == runtime.tables
