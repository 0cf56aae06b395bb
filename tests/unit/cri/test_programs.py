"""Programs: which one runs, and what each does."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

from kubelab.cri import programs
from kubelab.cri.api import ContainerSpec, Mount, World
from kubelab.cri.effects import HttpAnswer
from kubelab.cri.runtime import SimulatedRuntime
from tests.unit.cri.builders import SECOND, MiniCluster

ZK = "registry.k8s.io/kubernetes-zookeeper:1.0-3.4.10"


@pytest.mark.parametrize(
    ("image", "command", "args", "name"),
    [
        ("nginx", (), (), "forever"),
        ("app:2", (), (), "forever"),
        ("app:2", ("/server",), (), "forever"),
        ("app:2", ("sh", "-c", "echo"), (), "shell"),
        ("app:2", ("/bin/bash",), ("-c", "echo"), "shell"),
        ("app:2", (), ("/bin/sh", "-c", "echo"), "shell"),
        ("app:2", ("sleep", "3600"), (), "shell"),
        ("busybox", (), (), "shell"),
        ("busybox:1.28", (), ("sleep", "1"), "shell"),
        ("registry.k8s.io/busybox", (), ("/bin/sh", "-c", "touch /tmp/healthy"), "shell"),
        (ZK, ("sh", "-c", "start-zookeeper --servers=3"), (), "zookeeper"),
        ("zookeeper:3.8", (), (), "zookeeper"),
        ("zookeeper:3.8", ("sh", "-c", "echo 1 > /data/myid"), (), "shell"),
        ("quay.io/coreos/etcd:v3.5.9", ("etcd", "--name=a"), (), "etcd"),
        ("k8s.gcr.io/etcd:3.2.24", ("/bin/sh", "-ec"), ("exec etcd --name x",), "etcd"),
        ("quay.io/coreos/etcd:v3.5.9", ("/bin/sh", "-c", "etcdctl snapshot save /b"), (), "shell"),
        ("bitnami/kafka:3.6", (), (), "kafka"),
        ("confluentinc/cp-kafka:7.5.0", ("bash", "-c", "unset KAFKA_PORT && /etc/confluent/docker/run"), (), "kafka"),
        ("registry.k8s.io/e2e-test-images/agnhost:2.40", (), ("liveness",), "agnhost"),
        ("perl:5.34.0", ("perl", "-Mbignum=bpi", "-wle", "print bpi(2000)"), (), "perl"),
        ("kubelab/web:1", (), (), "web"),
        ("polinux/stress", ("stress",), ("--vm", "1", "--vm-bytes", "250M"), "stress"),
    ],
)
def test_image_and_command_choose(image: str, command: tuple[str, ...], args: tuple[str, ...], name: str) -> None:
    assert programs.choose(image, command, args).name == name


def test_example_of_the_package() -> None:
    assert doctest.testmod(programs).failed == 0


class Flaky(programs.Base):
    """A reader's own: ready after three seconds."""

    name = "flaky"

    def claims(self, image: str, command: tuple[str, ...], args: tuple[str, ...]) -> bool:
        return image.startswith("flaky")

    def init(self, spec: ContainerSpec, now_ns: int, world: World) -> Any:
        return now_ns

    def probe_http(self, spec: ContainerSpec, state: Any, port: int, path: str, now_ns: int, world: World) -> HttpAnswer | None:
        return HttpAnswer(200 if now_ns - state >= 3 * SECOND else 503)


def test_readers_register_their_own() -> None:
    assert programs.choose("flaky:1", (), ()).name == "forever"
    programs.register(Flaky())
    try:
        cluster = MiniCluster()
        cluster.start("a", "flaky:1")
        assert cluster.http("a", 1, "/") == 503
        cluster.run(3)
        assert cluster.http("a", 1, "/") == 200
        cluster.kill("a", grace=5)
        assert [item.exit_code for item in cluster.runtimes["node-1"].tick(cluster.now)] == [0]
    finally:
        programs.unregister("flaky")
    assert programs.choose("flaky:1", (), ()).name == "forever"
    with pytest.raises(ValueError, match="a program 'etcd' of its own"):
        programs.register(type("Mine", (Flaky,), {"name": "etcd"})())
    with pytest.raises(KeyError, match="register the class"):
        programs.get("flaky")


class Restless(programs.Base):
    """A reader's mistake: a wake in the past."""

    name = "restless"

    def claims(self, image: str, command: tuple[str, ...], args: tuple[str, ...]) -> bool:
        return image == "restless"

    def init(self, spec: ContainerSpec, now_ns: int, world: World) -> Any:
        return 0

    def advance(self, spec: ContainerSpec, state: Any, now_ns: int, world: World) -> Any:
        return (state + 1 if spec.args else state), ()

    def next_wake_ns(self, state: Any) -> int | None:
        return 1


def test_a_program_that_never_rests_does_not_hang_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    programs.register(Restless())
    try:
        cluster = MiniCluster()
        cluster.start("idle", "restless")
        cluster.run(5)
        assert cluster.next_wakes() == []
        cluster.start("mad", "restless", args=("x",))
        monkeypatch.setattr("kubelab.cri.runtime.ROUNDS_PER_TICK", 50)
        with pytest.raises(RuntimeError, match="program 'restless' in pod 'mad' never comes to rest"):
            cluster.run(5)
    finally:
        programs.unregister("restless")


def test_web_fails_by_version_but_not_on_its_health_path() -> None:
    programs.register(programs.Web("shop", image="shop", errors={"2": 0.3}, startup_seconds=5))
    try:
        cluster = MiniCluster()
        cluster.start("one", "shop:1", ports=(80,))
        cluster.start("two", "shop:2", ports=(80,))
        assert cluster.http("one", 80, "/") is None
        cluster.run(5)
        cluster.draws[:] = [0.1, 0.9]
        assert [cluster.http("two", 80, "/"), cluster.http("two", 80, "/"), cluster.http("two", 80, "/healthz")] == [500, 200, 200]
        assert cluster.http("one", 80, "/") == 200
    finally:
        programs.unregister("shop")


def test_crashloop_ends_each_time() -> None:
    cluster = MiniCluster()
    cluster.start("c", "kubelab/crashloop:1", env={"EXIT_CODE": "3", "AFTER_SECONDS": "2.5"})
    runtime = cluster.runtimes["node-1"]
    assert [(item.exit_code, item.finished_ns) for item in runtime.tick(9 * SECOND)] == [(3, round(2.5 * SECOND))]


@pytest.mark.parametrize(
    ("image", "fields", "end"),
    [
        ("kubelab/leak", {"env": {"LEAK_FROM_MIB": "20", "LEAK_MIB_PER_SECOND": "2"}, "memory_limit_bytes": 100 << 20}, 40),
        ("kubelab/leak", {"env": {"LEAK_FROM_MIB": "20"}}, None),
        # kubernetes.io: Assign Memory Resources to Containers, memory-demo and memory-demo-2
        ("polinux/stress", {"command": ("stress",), "args": ("--vm", "1", "--vm-bytes", "150M", "--vm-hang", "1"), "memory_limit_bytes": 200 << 20}, None),
        ("polinux/stress", {"command": ("stress",), "args": ("--vm", "1", "--vm-bytes", "250M", "--vm-hang", "1"), "memory_limit_bytes": 100 << 20}, 0.4),
    ],
)  # fmt: skip
def test_memory_runs_into_its_limit(image: str, fields: dict[str, Any], end: float | None) -> None:
    cluster = MiniCluster()
    cluster.start("m", image, **fields)
    exits = cluster.runtimes["node-1"].tick(3600 * SECOND)
    assert [(item.exit_code, item.reason, item.finished_ns / SECOND) for item in exits] == (
        [] if end is None else [(137, "OOMKilled", end)]
    )


def test_leak_shows_its_curve() -> None:
    cluster = MiniCluster()
    cluster.start("m", "kubelab/leak", env={"LEAK_FROM_MIB": "20", "LEAK_MIB_PER_SECOND": "2"})
    cluster.run(10)
    assert cluster.about("m") == {"role": "leaking", "memory_bytes": 40 << 20}


def test_nginx_serves_what_an_init_container_wrote() -> None:
    # kubernetes.io: Configure Pod Initialization (index.html on an emptyDir)
    cluster = MiniCluster()
    cluster.start("init", "busybox", command=("sh", "-c", "echo hello > /work-dir/index.html"), mounts=(Mount("/work-dir", "workdir"),))
    cluster.start("web", "nginx", ports=(80,), mounts=(Mount("/usr/share/nginx/html", "workdir"),))
    cluster.dns["web.default.svc.cluster.local"] = cluster.where["web"][2]
    cluster.start("client", "busybox", command=("sh", "-c", "wget -q -O- http://web/; wget -q -O- web.default:81"))
    assert cluster.log("client").startswith("hello\nwget: can't connect to remote host")


def test_server_started_by_exec_ends_on_term_and_one_below_a_shell_does_not() -> None:
    cluster = MiniCluster()
    runtime: SimulatedRuntime = cluster.runtimes["node-1"]
    cluster.start("good", "redis:7", command=("sh", "-c", "exec redis-server /conf"), ports=(6379,))
    cluster.start("bad", "redis:7", command=("sh", "-c", "redis-server /conf; echo ended"), ports=(6379,))
    cluster.start("none", "redis:7", command=("sh", "-c", "sleep 99"), ports=(6379,))
    assert [cluster.tcp(pod, 6379) for pod in ("good", "bad", "none")] == [True, True, False]
    assert cluster.exec("good", "redis-cli", "ping") == (0, "PONG\n")
    cluster.kill("good", grace=30)
    cluster.kill("bad", grace=30)
    assert [(item.exit_code, item.finished_ns / SECOND) for item in runtime.tick(30 * SECOND)] == [(0, 0), (137, 30)]


@pytest.mark.parametrize(
    ("args", "port", "path", "after", "code"),
    [
        # upstream: test/images/agnhost/{liveness,netexec,serve-hostname}, 1.28
        (("liveness",), 8080, "/healthz", 10, 200),
        (("liveness",), 8080, "/healthz", 10.5, 500),
        (("liveness",), 80, "/healthz", 1, None),
        (("netexec", "--http-port=8081"), 8081, "/readyz", 1, 200),
        (("netexec", "--http-port=8081"), 8080, "/readyz", 1, None),
        (("serve-hostname",), 9376, "/", 1, 200),
        ((), 8080, "/", 1, None),
    ],
)
def test_agnhost(args: tuple[str, ...], port: int, path: str, after: float, code: int | None) -> None:
    cluster = MiniCluster()
    cluster.start("a", "registry.k8s.io/e2e-test-images/agnhost:2.40", args=args)
    cluster.run(after)
    assert cluster.http("a", port, path) == code


def test_pi() -> None:
    cluster = MiniCluster()
    cluster.start("pi", "perl:5.34.0", command=("perl", "-Mbignum=bpi", "-wle", "print bpi(2000)"))
    assert [item.exit_code for item in cluster.runtimes["node-1"].tick(60 * SECOND)] == [0]
    assert cluster.log("pi").startswith("3.14159265358979323846264338327950288419716939937510582097494459")
    assert len(cluster.log("pi")) == 2002
