"""Containers of the Kubernetes documentation's pages behave as the pages say, and those of data/manifests work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kubelab.cri import programs
from kubelab.cri.api import ContainerSpec, Mount
from tests.unit.cri.builders import SECOND, FakeWorld, MiniCluster, story

MANIFESTS = Path(__file__).parents[3] / "data" / "manifests"

INIT_MYSQL = """
set -ex
# Generate mysql server-id from pod ordinal index.
[[ $HOSTNAME =~ -([0-9]+)$ ]] || exit 1
ordinal=${BASH_REMATCH[1]}
echo [mysqld] > /mnt/conf.d/server-id.cnf
# Add an offset to avoid reserved server-id=0 value.
echo server-id=$((100 + $ordinal)) >> /mnt/conf.d/server-id.cnf
# Copy appropriate conf.d files from config-map to emptyDir.
if [[ $ordinal -eq 0 ]]; then
  cp /mnt/config-map/primary.cnf /mnt/conf.d/
else
  cp /mnt/config-map/replica.cnf /mnt/conf.d/
fi
"""
CLONE_MYSQL = """
set -ex
# Skip the clone if data already exists.
[[ -d /var/lib/mysql/mysql ]] && exit 0
# Skip the clone on primary (ordinal index 0).
[[ `hostname` =~ -([0-9]+)$ ]] || exit 1
ordinal=${BASH_REMATCH[1]}
[[ $ordinal -eq 0 ]] && exit 0
# Clone data from previous peer.
ncat --recv-only mysql-$(($ordinal-1)).mysql 3307 | xbstream -x -C /var/lib/mysql
# Prepare the backup.
xtrabackup --prepare --target-dir=/var/lib/mysql
"""
XTRABACKUP = """
set -ex
cd /var/lib/mysql
if [[ -f xtrabackup_slave_info && "x$(<xtrabackup_slave_info)" != "x" ]]; then
  rm -f xtrabackup_slave_info xtrabackup_binlog_info
elif [[ -f xtrabackup_binlog_info ]]; then
  [[ `cat xtrabackup_binlog_info` =~ ^(.*?)[[:space:]]+(.*?)$ ]] || exit 1
fi
if [[ -f change_master_to.sql.in ]]; then
  until mysql -h 127.0.0.1 -e "SELECT 1"; do sleep 1; done
fi
# Start a server to send backups when requested by peers.
exec ncat --listen --keep-open --send-only --max-conns=1 3307 -c \\
  "xtrabackup --backup --slave-info --stream=xbstream --host=127.0.0.1 --user=root"
"""


def test_liveness_command() -> None:
    # kubernetes.io: Configure Liveness, Readiness and Startup Probes, exec-liveness.yaml
    cluster = MiniCluster()
    script = "touch /tmp/healthy; sleep 30; rm -f /tmp/healthy; sleep 600"
    cluster.start("liveness-exec", "registry.k8s.io/busybox", args=("/bin/sh", "-c", script))
    cluster.run(29)
    assert cluster.exec("liveness-exec", "cat", "/tmp/healthy") == (0, "")
    cluster.run(1)
    assert cluster.exec("liveness-exec", "cat", "/tmp/healthy") == (1, "cat: can't open '/tmp/healthy': No such file or directory\n")


def test_init_containers_wait_for_services() -> None:
    # kubernetes.io: Init Containers, myapp.yaml
    cluster = MiniCluster()
    name = "myservice.$(cat /var/run/secrets/kubernetes.io/serviceaccount/namespace).svc.cluster.local"
    script = f"until nslookup {name}; do echo waiting for myservice; sleep 2; done"
    cluster.start("myapp-pod", "busybox:1.28", command=("sh", "-c", script))
    cluster.run(3)
    assert cluster.log("myapp-pod").count("waiting for myservice\n") == 2
    cluster.dns["myservice.default.svc.cluster.local"] = "10.96.0.9"
    (gone,) = cluster.runtimes["node-1"].tick(10 * SECOND)
    assert (gone.exit_code, gone.finished_ns) == (0, 4 * SECOND)


def test_counter_writes_a_line_a_second() -> None:
    # kubernetes.io: Logging Architecture, counter-pod.yaml
    lines = story('i=0; while true; do echo "$i: $(date)"; i=$((i+1)); sleep 1; done', until=2)
    assert lines == [(at, f"{at}: Thu Jan  1 00:00:0{at} UTC 1970\n") for at in (0, 1, 2)] + [(2, "running")]


def test_sidecar_streams_the_file_that_the_application_writes() -> None:
    # kubernetes.io: Logging Architecture, two-files-counter-pod-streaming-sidecar.yaml
    cluster = MiniCluster()
    logs = (Mount("/var/log", "varlog"),)
    script = (
        'i=0;\nwhile true;\ndo\n  echo "$i: x" >> /var/log/1.log;\n  echo "INFO $i" >> /var/log/2.log;\n  i=$((i+1));\n  sleep 1;\ndone\n'
    )
    cluster.start("count", "busybox:1.28", args=("/bin/sh", "-c", script), mounts=logs)
    cluster.start("count-log-1", "busybox:1.28", args=("/bin/sh", "-c", "tail -n+1 -F /var/log/1.log"), mounts=logs)
    cluster.run(3.5)
    assert cluster.log("count-log-1") in ("0: x\n1: x\n2: x\n3: x\n", "0: x\n1: x\n2: x\n")


def test_termination_demo() -> None:
    # kubernetes.io: Determine the Reason for Pod Failure, termination.yaml
    cluster = MiniCluster()
    container = cluster.start("demo", "debian", command=("/bin/sh",), args=("-c", "sleep 10 && echo Sleep expired > /dev/termination-log"))
    cluster.run(10)
    assert cluster.runtimes["node-1"].read_file(container, "/dev/termination-log", cluster.now) == "Sleep expired\n"


def test_two_containers_share_a_volume() -> None:
    # kubernetes.io: Communicate Between Containers in the Same Pod, two-container-pod.yaml
    cluster = MiniCluster()
    script = "echo Hello from the debian container > /pod-data/index.html"
    cluster.start("debian", "debian", command=("/bin/sh",), args=("-c", script), mounts=(Mount("/pod-data", "shared"),))
    cluster.start("nginx", "nginx", mounts=(Mount("/usr/share/nginx/html", "shared"),), ports=(80,))
    assert cluster.exec("nginx", "cat", "/usr/share/nginx/html/index.html") == (0, "Hello from the debian container\n")


def test_init_container_fetches_a_page() -> None:
    # kubernetes.io: Configure Pod Initialization, init-containers.yaml
    cluster = MiniCluster()
    command = ("wget", "-O", "/work-dir/index.html", "http://info.cern.ch")
    cluster.start("install", "busybox:1.28", command=command, mounts=(Mount("/work-dir", "workdir"),))
    assert [item.exit_code for item in cluster.runtimes["node-1"].tick(0)] == [0]
    cluster.start("nginx", "nginx", ports=(80,), mounts=(Mount("/usr/share/nginx/html", "workdir"),))
    assert "info.cern.ch" in cluster.exec("nginx", "cat", "/usr/share/nginx/html/index.html")[1]
    assert cluster.exec("nginx", "nslookup", "nope.default.svc.cluster.local")[0] == 1


@pytest.mark.parametrize(
    ("script", "out"),
    [
        # kubernetes.io: CronJob; Define Environment Variables; Parallel Processing using Expansions; Fine Parallel Processing
        ("date; echo Hello from the Kubernetes cluster", "Thu Jan  1 00:00:00 UTC 1970\nHello from the Kubernetes cluster\n"),
        ("echo Processing item apple && sleep 5", "Processing item apple\n"),
        ("for i in 9 8 7 6 5 4 3 2 1 ; do echo $i ; done", "9\n8\n7\n6\n5\n4\n3\n2\n1\n"),
        ("echo -en '\\n'; printenv MY_NODE_NAME; sleep 10", "\nnode-1\n"),
        ('test "$(cat /proc/self/x 2>/dev/null || echo none)" = none && echo ok', "ok\n"),
    ],
)
def test_short_scripts(script: str, out: str) -> None:
    lines = story(script, env={"MY_NODE_NAME": "node-1"})
    assert ("".join(text for _, text in lines[:-1]), lines[-1][1]) == (out, "exit 0")


def test_job_with_a_failure_policy() -> None:
    # kubernetes.io: Handling retriable and non-retriable pod failures, job-pod-failure-policy-failjob.yaml
    lines = story(("bash", "-c", 'echo "Hello world! I\'m going to exit with 42 to simulate a software bug." && sleep 30 && exit 42'))
    assert lines[-1] == (30, "exit 42")


@pytest.mark.parametrize(("ordinal", "config"), [(0, "primary.cnf"), (2, "replica.cnf")])
def test_replicated_mysql(ordinal: int, config: str) -> None:
    # kubernetes.io: Run a Replicated Stateful Application, mysql-statefulset.yaml
    cluster = MiniCluster()
    cluster.volumes["config-map"] = {"primary.cnf": "log-bin\n", "replica.cnf": "super-read-only\n"}
    conf, data = Mount("/mnt/conf.d", "conf"), Mount("/var/lib/mysql", "data", sub_path="mysql")
    pod = f"mysql-{ordinal}"
    runtime = cluster.runtimes["node-1"]
    cluster.start(
        pod, "mysql:5.7", command=("bash", "-c", INIT_MYSQL), mounts=(conf, Mount("/mnt/config-map", "config-map", readonly=True))
    )
    assert [item.exit_code for item in runtime.tick(0)] == [0]
    assert cluster.volumes["conf"]["server-id.cnf"] == f"[mysqld]\nserver-id={100 + ordinal}\n"
    assert config in cluster.volumes["conf"]
    cluster.start(pod, "gcr.io/google-samples/xtrabackup:1.0", command=("bash", "-c", CLONE_MYSQL), mounts=(data,))
    assert [item.exit_code for item in runtime.tick(0)] == [0]
    cluster.start(pod, "gcr.io/google-samples/xtrabackup:1.0", command=("bash", "-c", XTRABACKUP), mounts=(data,))
    cluster.run(60)
    assert runtime.tick(cluster.now) == ()
    cluster.start("server", "mysql:5.7", ports=(3306,))
    assert cluster.exec("server", "mysqladmin", "ping") == (0, "mysqld is alive\n")
    assert cluster.exec("server", "mysql", "-h", "127.0.0.1", "-e", "SELECT 1")[0] == 0


def test_load_generator() -> None:
    # kubernetes.io: HorizontalPodAutoscaler Walkthrough
    lines = story("while sleep 0.5; do wget -q -O- http://php-apache; done", world=FakeWorld(), until=1)
    assert [at for at, _ in lines[:-1]] == [0.5, 1]


def containers(name: str) -> list[tuple[dict[str, Any], dict[str, str]]]:
    """Container and environment of each workload of a manifest file."""
    documents = [item for item in yaml.safe_load_all((MANIFESTS / name).read_text("utf-8")) if item]
    maps = {item["metadata"]["name"]: item["data"] for item in documents if item["kind"] == "ConfigMap"}
    found = []
    for document in documents:
        template = document.get("spec", {}).get("template")
        for container in (template or {"spec": {"containers": []}})["spec"]["containers"]:
            env = {key: text for source in container.get("envFrom", ()) for key, text in maps[source["configMapRef"]["name"]].items()}
            env |= {item["name"]: item["value"] for item in container.get("env", ()) if "value" in item}
            found.append((container, env))
    return found


@pytest.mark.parametrize("name", ["zookeeper", "etcd", "kafka"])
def test_the_lab_s_own_manifests(name: str) -> None:
    ((container, env),) = containers(f"{name}.yaml")
    cluster = MiniCluster(nodes=3)
    probe = container["readinessProbe"].get("exec", {}).get("command")
    port = container["ports"][0]["containerPort"]
    for number in range(3):
        cluster.start(
            f"{name}-{number}", container["image"], node=f"node-{number + 1}", env=env, command=tuple(container.get("command", ())),
            args=tuple(container.get("args", ())), ports=tuple(item["containerPort"] for item in container["ports"]),
            mounts=tuple(Mount(item["mountPath"], f"{item['name']}-{number}") for item in container["volumeMounts"]),
        )  # fmt: skip
        assert not cluster.tcp(f"{name}-{number}", port)
    spec = ContainerSpec("main", container["image"], tuple(container.get("command", ())), tuple(container.get("args", ())))
    assert programs.choose(spec.image, spec.command, spec.args).name == name
    cluster.run(15)
    for number in range(3):
        pod = f"{name}-{number}"
        assert cluster.tcp(pod, port)
        assert probe is None or cluster.exec(pod, *probe)[0] == 0
        assert cluster.about(pod)["in_quorum" if name != "kafka" else "under_replicated"] == (name != "kafka")
