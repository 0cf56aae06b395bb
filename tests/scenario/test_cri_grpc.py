"""A simulated runtime served over gRPC: every RPC over the socket is the in-process answer, whoever else is at work.

upstream: staging/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto, 1.28; containerd 1.7 pkg/cri/server (words); grpc-go server.go.
"""

from __future__ import annotations

import gzip
import inspect
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

import kubelab as kl
from kubelab.cri.grpc import codes, extra, messages
from kubelab.cri.grpc.client import Runtime
from kubelab.cri.grpc.table import api
from kubelab.cri.grpc.threads import Threads
from kubelab.kubelet.cri_door import CriDoor

BUSYBOX = "docker.io/library/busybox:1.36"
NOWHERE = "0" * 64
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "labels": {"app": "web"}, "annotations": {"note": "ä ☸"}},
    "spec": {
        "terminationGracePeriodSeconds": 3,
        "containers": [
            {
                "name": "a",
                "image": "nginx:1.25",
                "resources": {"limits": {"cpu": "500m", "memory": "64Mi"}},
                "ports": [{"containerPort": 80}],
            },
            {"name": "b", "image": "busybox:1.36", "command": ["sh", "-c", "echo hello; sleep 3; exit 2"]},
        ],
    },
}


@pytest.fixture
def cluster(make: Any) -> kl.Cluster:
    c = make(1, seed=5)
    c.create(POD)
    c.create(
        {"apiVersion": "lab.kubelab.dev/v1", "kind": "Usage", "metadata": {"name": "u"}, "spec": {"selector": {}, "cpu": {"constant": "2"}}}
    )
    return c.run("30s")


@pytest.fixture
def door(cluster: kl.Cluster) -> CriDoor:
    return cluster.cri("node-1")


@pytest.fixture
def client(door: CriDoor) -> Iterator[Runtime]:
    with door.serve() as server, kl.cri.connect(server.address) as runtime:
        yield runtime


def outcome(call: Any, *given: Any, **named: Any) -> Any:
    """What a call gives, or how it is refused."""
    try:
        return call(*given, **named)
    except kl.CriError as error:
        return error.code, error.message


def gathered(events: Any, count: int) -> list[dict[str, Any]]:
    """So many events of a stream, or as many as come."""
    found: list[dict[str, Any]] = []
    while len(found) < count and (more := events.read(timeout=20)):
        found += more
    return found


# -- the same answers -------------------------------------------------------------------------------------------------------------
def ids(door: CriDoor) -> dict[str, str]:
    found = {each["metadata"]["name"]: each["id"] for each in door.list_containers(state="CONTAINER_RUNNING")}
    dead = door.list_containers(state="CONTAINER_EXITED")[0]["id"]
    return {"BOX": door.list_pod_sandbox()[0]["id"], "A": found["a"], "DEAD": dead, "NOWHERE": NOWHERE}


LOOKS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("version", (), {}),
    ("status", (), {}),
    ("runtime_config", (), {}),
    ("list_pod_sandbox", (), {}),
    ("list_pod_sandbox", (), {"state": "SANDBOX_READY", "labels": {"app": "web", "io.kubernetes.pod.name": "web"}}),
    ("list_pod_sandbox", (), {"state": "SANDBOX_NOTREADY"}),
    ("list_pod_sandbox", (), {"id": "NOWHERE"}),
    ("pod_sandbox_status", ("BOX",), {}),
    ("pod_sandbox_status", ("NOWHERE",), {}),
    ("list_containers", (), {}),
    ("list_containers", (), {"id": "A"}),
    ("list_containers", (), {"pod_sandbox_id": "BOX", "state": "CONTAINER_EXITED"}),
    ("list_containers", (), {"state": "CONTAINER_CREATED"}),
    ("list_containers", (), {"labels": {"io.kubernetes.container.name": "b"}}),
    ("container_status", ("A",), {}),
    ("container_status", ("DEAD",), {}),
    ("container_status", ("NOWHERE",), {}),
    ("container_status", ("",), {}),
    ("start_container", ("",), {}),
    ("pod_sandbox_stats", ("",), {}),
    ("exec_sync", ("A", []), {}),
    ("exec_sync", ("DEAD", []), {}),
    ("container_stats", ("A",), {}),
    ("container_stats", ("DEAD",), {}),
    ("container_stats", ("NOWHERE",), {}),
    ("list_container_stats", (), {}),
    ("list_container_stats", (), {"id": "A", "pod_sandbox_id": "BOX", "labels": {"io.kubernetes.container.name": "a"}}),
    ("list_container_stats", (), {"labels": {"app": "nobody"}}),
    ("pod_sandbox_stats", ("BOX",), {}),
    ("pod_sandbox_stats", ("NOWHERE",), {}),
    ("list_pod_sandbox_stats", (), {}),
    ("list_pod_sandbox_stats", (), {"id": "BOX", "labels": {"app": "web"}}),
    ("list_metric_descriptors", (), {}),
    ("list_pod_sandbox_metrics", (), {}),
    ("list_images", (), {}),
    ("list_images", ("nginx:1.25",), {}),
    ("list_images", ({"image": "nothing"},), {}),
    ("image_status", ("nginx:1.25",), {}),
    ("image_status", ({"image": "busybox:1.36"},), {}),
    ("image_status", ("nothing:1",), {}),
    ("image_status", ("",), {}),
    ("image_fs_info", (), {}),
    ("exec_sync", ("A", ["sh", "-c", "echo out; exit 3"]), {}),
    ("exec_sync", ("A", ["sleep", "90"], 75), {}),
    ("exec_sync", ("DEAD", ["true"]), {}),
    ("exec_sync", ("NOWHERE", ["true"]), {"timeout": 5}),
    ("exec", ("A", ["sh"]), {}),
    ("exec", ("A", ["sh"]), {"tty": True, "stderr": True}),
    ("exec", ("A", ["sh"]), {"stdout": False}),
    ("exec", ("NOWHERE", ["sh"]), {"stdin": True}),
    ("attach", ("DEAD",), {}),
    ("port_forward", ("BOX", [80]), {}),
    ("port_forward", ("NOWHERE",), {}),
    ("checkpoint_container", ("A", "/tmp/a.tar", 5), {}),
    ("reopen_container_log", ("A",), {}),
    ("reopen_container_log", ("DEAD",), {}),
    ("start_container", ("A",), {}),
    ("start_container", ("NOWHERE",), {}),
    ("stop_container", ("NOWHERE", 3), {}),
    ("stop_container", ("A", -1), {}),
    ("remove_container", ("NOWHERE",), {}),
    ("stop_pod_sandbox", ("NOWHERE",), {}),
    ("remove_pod_sandbox", ("NOWHERE",), {}),
    ("remove_image", ("nothing:1",), {}),
    ("update_container_resources", ("NOWHERE", {"cpuQuota": 1000}), {}),
    ("update_container_resources", ("A", {"cpuQuota": 20000, "unified": {"memory.high": "1"}, "cpusetCpus": "0-1"}), {}),
    ("update_runtime_config", ({"networkConfig": {"podCidr": "10.0.0.0/24"}},), {}),
    ("create_container", ("NOWHERE", {"metadata": {"name": "x"}, "image": {"image": BUSYBOX}}), {}),
    ("run_pod_sandbox", ({"hostname": "x"},), {}),
    ("run_pod_sandbox", ({"metadata": {"name": "x", "uid": "1", "namespace": "n"}}, "gvisor"), {}),
    ("pull_image", ("nginx:1.161",), {}),
    ("pull_image", ("nginx:1.25",), {}),
]


def test_every_call_is_looked_at():
    done = {name for name, _, _ in LOOKS} | {"get_container_events"}
    assert done == {name for name in vars(Runtime) if not name.startswith("_")} - {"address", "close"}
    assert len(done) == len(api().methods)


@pytest.mark.parametrize(("name", "given", "named"), LOOKS, ids=lambda value: value if isinstance(value, str) else "")
def test_over_the_socket_as_in_process(cluster, client, name, given, named):
    known = ids(cluster.cri("node-1"))
    given = tuple(known.get(each, each) if isinstance(each, str) else each for each in given)
    named = {key: known.get(each, each) if isinstance(each, str) else each for key, each in named.items()}
    expected = outcome(getattr(cluster.fork().cri("node-1"), name), *given, **named)
    assert outcome(getattr(client, name), *given, **named) == expected


@pytest.mark.parametrize("name", sorted({name for name, _, _ in LOOKS}))
def test_both_take_the_same_arguments(name):
    assert str(inspect.signature(getattr(Runtime, name))) == str(inspect.signature(getattr(CriDoor, name)))


def test_a_story_by_hand(cluster, client):
    seen = client.get_container_events()
    box = client.run_pod_sandbox({"metadata": {"name": "box", "namespace": "n", "uid": "1"}, "labels": {"a": "b"}})["podSandboxId"]
    assert client.pull_image(BUSYBOX)["imageRef"] == client.image_status(BUSYBOX)["id"]
    config = {
        "metadata": {"name": "one", "attempt": 2},
        "image": {"image": BUSYBOX},
        "command": ["sh", "-c", "trap 'exit 7' TERM; while true; do sleep 1; done"],
        "envs": [{"key": "A", "value": "1"}],
        "mounts": [{"containerPath": "/x", "hostPath": "/y", "readonly": True}],
        "linux": {"resources": {"cpuQuota": 20000, "memoryLimitInBytes": 64 << 20, "hugepageLimits": [{"pageSize": "2Mi", "limit": 0}]}},
    }
    one = client.create_container(box, config, {"metadata": {"name": "box"}})["containerId"]
    assert client.container_status(one)["state"] == "CONTAINER_CREATED"
    client.start_container(one)
    cluster.run("2s")
    status = client.container_status(one[:12])
    assert (status["state"], status["metadata"], status["resources"]["linux"]["cpuQuota"]) == (
        "CONTAINER_RUNNING",
        {"name": "one", "attempt": 2},
        20000,
    )
    assert status["mounts"][0]["hostPath"] == "/y"
    assert client.exec_sync(one, ["sh", "-c", "echo $A"]) == {"stdout": "1\n", "stderr": "", "exitCode": 0}
    client.stop_container(one, 5)
    cluster.run("2s")
    assert client.container_status(one)["exitCode"] == 7
    client.remove_pod_sandbox(box)
    assert client.list_pod_sandbox(labels={"a": "b"}) == []
    found = gathered(seen, 8)
    assert [(each["containerEventType"].split("_")[1], each["containerId"]) for each in found] == [
        ("CREATED", box), ("STARTED", box), ("CREATED", one), ("STARTED", one), ("STOPPED", one), ("DELETED", one), ("STOPPED", box), ("DELETED", box),
    ]  # fmt: skip


def test_calls_over_the_socket_are_the_same_world(make):
    """Two clusters, the same calls in process and over the socket: their logs agree."""
    told = []
    for served in (False, True):
        c = make(1, seed=5)
        door = c.cri("node-1")
        with door.serve() as server, kl.cri.connect(server.address) as remote:
            runtime = remote if served else door
            c.create(POD)
            c.run("10s")
            runtime.exec_sync(runtime.list_containers(labels={"io.kubernetes.container.name": "a"})[0]["id"], ["sh", "-c", "kill 1"])
            runtime.stop_container(runtime.list_containers(labels={"io.kubernetes.container.name": "b"})[-1]["id"], 1)
            c.run("1m")
        told.append(c.frames.revisions().to_csv())
    assert told[0] == told[1]


# -- refusals of the transport ----------------------------------------------------------------------------------------------------
def raw(address: str, path: str, wire: bytes) -> tuple[str, str]:
    with grpc.insecure_channel(address.replace("unix://", "unix:")) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(path)(wire, timeout=10)
    return codes.NAMES[caught.value.code()], caught.value.details()


@pytest.mark.parametrize(("path", "words"), [
    ("/runtime.v1.RuntimeService/Reboot", "unknown method Reboot for service runtime.v1.RuntimeService"),
    ("/runtime.v1.ImageService/Version", "unknown method Version for service runtime.v1.ImageService"),
    ("/runtime.v1alpha2.RuntimeService/Version", "unknown service runtime.v1alpha2.RuntimeService"),
])  # fmt: skip
def test_what_is_not_served_is_unimplemented_in_the_words_of_go(client, path, words):
    assert raw(client.address, path, b"") == ("Unimplemented", words)


@pytest.mark.parametrize("wire", [b"\x0a", b"\xff" * 8, b"\x0a\x02\xff\xff"])
def test_garbage_is_refused_and_the_next_call_is_served(client, wire):
    code, words = raw(client.address, "/runtime.v1.RuntimeService/ContainerStatus", wire)
    assert (code, words.startswith("grpc: error unmarshalling request: ")) == ("Internal", True)
    assert client.version()["runtimeName"] == "kubelab"


def test_fields_of_newer_clients_are_passed_over(client):
    wire = messages.encode("ListContainersRequest", {}) + b"\xa2\x06\x03new"
    with grpc.insecure_channel(client.address.replace("unix://", "unix:")) as channel:
        answer = channel.unary_unary("/runtime.v1.RuntimeService/ListContainers")(wire, timeout=10)
    assert messages.decode("ListContainersResponse", answer)["containers"] == client.list_containers()


def test_a_request_that_is_no_message_is_refused_before_it_is_sent(client):
    assert outcome(client.run_pod_sandbox, {"metdata": {}}) == (
        "InvalidArgument", 'RunPodSandboxRequest: Protocol message PodSandboxConfig has no "metdata" field.',
    )  # fmt: skip
    assert outcome(client.list_containers, state="GONE") == ("InvalidArgument", 'ListContainersRequest: unknown enum label "GONE"')
    assert outcome(client.exec_sync, NOWHERE, ["x"], -1) == ("InvalidArgument", "timeout: -1 is not a number of seconds of at least 0")


def test_a_runtime_that_hangs_does_not_answer(cluster, client):
    cluster.fault("RuntimeHang", nodes=["node-1"], duration="1m")
    cluster.run("1s")
    assert outcome(client.list_containers) == ("DeadlineExceeded", "context deadline exceeded")
    cluster.run("2m")
    assert len(client.list_containers(state="CONTAINER_RUNNING")) >= 1


def test_a_machine_that_is_switched_off_serves_nobody(cluster, door, client):
    events = door.get_container_events()
    cluster.fault("NodeCrash", nodes=["node-1"], duration="1m")
    cluster.run("10s")
    assert door.off
    code, words = outcome(client.list_containers)
    assert (code, words) == ("Unavailable", f"nobody serves the CRI at {client.address}: the machine of this runtime is switched off")
    assert events.read() == []
    cluster.run("3m")
    assert [each["containerEventType"] for each in events.read()][:2] == ["CONTAINER_CREATED_EVENT", "CONTAINER_STARTED_EVENT"]
    assert {each["state"] for each in client.list_containers()} > {"CONTAINER_EXITED"}


# -- addresses --------------------------------------------------------------------------------------------------------------------
def test_over_tcp(door):
    with door.serve("127.0.0.1:0") as server:
        host, _, port = server.address.rpartition(":")
        assert (host, int(port) > 0) == ("127.0.0.1", True)
        with kl.cri.connect(server.address) as client:
            assert client.version() == door.version()
        with pytest.raises(ValueError, match="cannot listen there"):
            door.serve(server.address)


def test_two_servers_and_a_socket_that_is_taken(make, tmp_path):
    c = make(2, seed=1)
    with c.cri("node-1").serve(tmp_path / "1.sock") as one, c.cri("node-2").serve(tmp_path / "2.sock") as two:
        assert (one.address, two.address) == (f"unix://{tmp_path}/1.sock", f"unix://{tmp_path}/2.sock")
        with kl.cri.connect(one.address) as first, kl.cri.connect(two.address) as second:
            first.run_pod_sandbox({"metadata": {"name": "box", "namespace": "n", "uid": "1"}})
            assert (len(first.list_pod_sandbox()), len(second.list_pod_sandbox())) == (1, 0)
        with pytest.raises(ValueError, match="address already in use: somebody listens there"):
            c.cri("node-2").serve(tmp_path / "1.sock")


def test_the_socket_goes_with_the_server_and_comes_with_the_next(door):
    server = door.serve()
    path = server.address.removeprefix("unix://")
    assert os.path.exists(path) and not server.closed
    server.close()
    server.close()
    assert not os.path.exists(os.path.dirname(path)) and server.closed
    with pytest.raises(kl.CriError, match=f"nobody serves the CRI at {server.address}") as caught:
        kl.cri.connect(server.address)
    assert caught.value.code == "Unavailable"


def test_a_server_at_the_same_path_after_one_that_was_killed(cluster, door, tmp_path):
    path = tmp_path / "c.sock"
    code = f"import os, kubelab as kl; s = kl.Cluster(1).cri('node-1').serve({str(path)!r}); print(s.address, flush=True); os._exit(1)"
    subprocess.run([sys.executable, "-c", code], check=False, timeout=60, capture_output=True)
    assert path.exists()
    with door.serve(path) as server, kl.cri.connect(server.address) as client:
        assert client.version() == door.version()


def test_a_path_that_is_too_long(door, tmp_path):
    with pytest.raises(ValueError, match="a socket's path at most 107: choose a shorter one"):
        door.serve(f"unix://{tmp_path}/{'x' * 120}.sock")


@pytest.mark.parametrize("timeout", [0, -1, True, float("nan"), float("inf"), "5"])
def test_a_timeout_that_is_none(timeout):
    with pytest.raises(ValueError, match="give seconds above 0"):
        kl.cri.connect("unix:///run/c.sock", timeout=timeout)


def test_somebody_who_does_not_answer(tmp_path):
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "c.sock"))
        silent.listen()
        with pytest.raises(kl.CriError) as caught:
            kl.cri.connect(tmp_path / "c.sock", timeout=0.3)
    assert caught.value.code in ("DeadlineExceeded", "Unavailable")


def test_somebody_who_serves_something_else(tmp_path):
    server = grpc.server(Threads("other"))
    server.add_insecure_port(f"unix:{tmp_path}/c.sock")
    server.start()
    try:
        with pytest.raises(kl.CriError, match=f'validate CRI v1 runtime API for endpoint "unix://{tmp_path}/c.sock": ') as caught:
            kl.cri.connect(tmp_path / "c.sock")
    finally:
        server.stop(None).wait()
    assert caught.value.code == "Unimplemented"


def test_without_the_extra_it_says_what_to_install(door, monkeypatch):
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    words = r"the CRI over gRPC needs grpcio and protobuf: pip install 'kubelab\[cri\]'"
    with pytest.raises(ImportError, match=words):
        door.serve()
    with pytest.raises(ImportError, match=words):
        kl.cri.connect("unix:///run/c.sock")


def test_nobody_who_does_not_serve_imports_it():
    code = (
        "import sys, kubelab as kl; kl.Cluster(1).run('1s').cri('node-1').version(); kl.cri; "
        "print([name for name in sys.modules if name.split('.')[0] in ('grpc', 'google')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True)
    assert ran.stdout == "[]\n"


# -- at the same time -------------------------------------------------------------------------------------------------------------
def test_callers_while_the_cluster_runs(cluster, door):
    """Eight callers look and act while the cluster's own thread lets time pass; each answer is of one instant."""
    wrong: list[str] = []
    rounds = [0] * 8
    stop = threading.Event()

    def call(number: int, address: str) -> None:
        with kl.cri.connect(address) as client:
            while not stop.is_set():
                try:
                    for box in client.list_pod_sandbox_stats():
                        own = box["linux"]["cpu"]["usageCoreNanoSeconds"]["value"]
                        parts = sum(each["cpu"]["usageCoreNanoSeconds"]["value"] for each in box["linux"]["containers"])
                        if own < parts or any(
                            each["cpu"]["timestamp"] != box["linux"]["cpu"]["timestamp"] for each in box["linux"]["containers"]
                        ):
                            wrong.append(f"{own} < {parts}")
                    name = f"c{number}-{len(client.list_images())}"
                    made = client.run_pod_sandbox({"metadata": {"name": name, "namespace": "n", "uid": name, "attempt": 0}})["podSandboxId"]
                    client.remove_pod_sandbox(made)
                    rounds[number] += 1
                except kl.CriError as error:
                    wrong.append(f"{error.code}: {error}")

    with door.serve() as server:
        callers = [threading.Thread(target=call, args=(number, server.address)) for number in range(8)]
        for caller in callers:
            caller.start()
        c = cluster
        for round in range(6):
            c.create({**POD, "metadata": {"name": f"web-{round}"}})
            c.run("10m")
            assert len(c.list("pods")) == round + 2
            assert len(c.frames.pods()) >= round + 2
        while min(rounds) < 3 and not wrong:
            c.run("1m")
        stop.set()
        for caller in callers:
            caller.join(timeout=30)
    assert wrong == []
    assert {box["metadata"]["namespace"] for box in door.list_pod_sandbox()} == {"default"}


def test_a_long_run_lets_callers_in(cluster, door):
    """A day of virtual time takes a while; a caller is answered within it."""
    answered: list[int] = []

    def call(address: str) -> None:
        with kl.cri.connect(address) as client:
            for _ in range(5):
                answered.append(client.list_container_stats()[0]["cpu"]["timestamp"])

    with door.serve() as server:
        caller = threading.Thread(target=call, args=(server.address,))
        begun = cluster.now.timestamp() * 1e9
        caller.start()
        cluster.run(until=lambda c: len(answered) == 5, timeout="200h")
        caller.join(timeout=30)
    assert len(answered) == 5
    assert answered == sorted(answered) and answered[-1] > begun


INTERRUPTED = """
import os, signal, threading, time
import kubelab as kl
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is born without it
c = kl.Cluster(2)
server = c.cri("node-1").serve()
client = kl.cri.connect(server.address)
def call():
    for _ in range(40):
        client.list_images()
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=call).start()
try:
    c.run(until=lambda c: False, timeout="9000h")
except KeyboardInterrupt:
    print("stopped")
at = c.elapsed
print(len(c.run("1m").list("nodes")), round(c.elapsed - at), client.version()["runtimeName"], flush=True)
"""


def test_an_interrupt_while_others_call_leaves_the_world_whole():
    ran = subprocess.run([sys.executable, "-c", INTERRUPTED], check=False, timeout=120, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "stopped\n2 60 kubelab\n"), ran.stderr


def test_a_world_that_is_listened_to_is_no_other_world(make, tmp_path):
    files = []
    for heard in (False, True):
        c = make(1, seed=5)
        events = c.cri("node-1").get_container_events() if heard else None
        c.create(POD)
        c.run("30s")
        c.delete("pod/web")
        c.run("30s")
        assert events is None or len(events.read()) > 10
        files.append(gzip.decompress(c.save(tmp_path / f"{heard}.klab").read_bytes()))
        assert c.fork()._engine.listener is None
    assert files[0] == files[1]


# -- events -----------------------------------------------------------------------------------------------------------------------
def test_events_over_the_socket_are_those_in_process(cluster, door, client):
    within, over = door.get_container_events(), client.get_container_events()
    cluster.delete("pod/web")
    cluster.run("1m")
    expected = within.read()
    assert len(expected) >= 6
    assert gathered(over, len(expected)) == expected


def test_closing_the_server_while_a_stream_is_open(cluster, door):
    server = door.serve()
    with kl.cri.connect(server.address) as client:
        events = client.get_container_events()
        cluster.delete("pod/web")
        cluster.run("10s")
        assert events.read(timeout=5) != []
        server.close()
        with pytest.raises(kl.CriError) as caught:
            gathered(events, 1000)
        assert caught.value.code == "Unavailable"
    cluster.create({**POD, "metadata": {"name": "next"}})
    cluster.run("10s")
    assert cluster._engine.listener is None


def test_a_client_that_goes_while_its_stream_is_open(cluster, door):
    with door.serve() as server:
        with kl.cri.connect(server.address) as client, client.get_container_events() as events:
            assert events.read() == []
        cluster.create({**POD, "metadata": {"name": "next"}})
        cluster.run("10s")
        with kl.cri.connect(server.address) as client:
            assert client.version()["runtimeName"] == "kubelab"


def test_a_stream_does_not_keep_the_process(tmp_path):
    code = (
        "import kubelab as kl; c = kl.Cluster(1); s = c.cri('node-1').serve(); "
        "r = kl.cri.connect(s.address); e = r.get_container_events(); print(len(r.list_images()), flush=True)"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=False, timeout=60, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "0\n"), ran.stderr
