"""Reading a workload: the layout of cluster-trace-gpu-v2023 (upstream: alibaba/clusterdata, README.md), and files that are none."""

import gzip
from pathlib import Path

import pytest

import kubelab as kl
from kubelab.cluster.workload import Machine, Task

DATA = Path(__file__).parents[3] / "data" / "openb"
NODES = "sn,cpu_milli,memory_mib,gpu,model\nopenb-node-0227,32000,262144,0,\nopenb-node-0228,128000,786432,8,G3\n"
HEAD = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n"
PODS = HEAD + (  # the rows of the trace's README
    "openb-pod-0017,88000,327680,8,1000,,Burstable,Succeeded,9437497,10769854,9437497\n"
    "openb-pod-0022,4000,15258,1,220,nan,BE,Running,9679175,9973826,9679175\n"
    "openb-pod-0035,16000,32768,1,1000,V100M16|V100M32,LS,Running,9967058,9968575,9967063.0\n"
    "openb-pod-0036,1000,2048,0,0,,LS,Pending,9967060,9967160,\n"
)


def read(tmp_path, nodes=NODES, pods=PODS, **more):
    (tmp_path / "nodes.csv").write_text(nodes)
    (tmp_path / "pods.csv").write_text(pods)
    return kl.workload.read(tmp_path / "nodes.csv", tmp_path / "pods.csv", **more)


def test_the_published_rows(tmp_path):
    workload = read(tmp_path)
    assert workload.machines == (Machine("openb-node-0227", 32000, 262144), Machine("openb-node-0228", 128000, 786432, 8, "G3"))
    assert workload.tasks[2] == Task(
        "openb-pod-0035", 16000, 32768, 1, 1000, ("V100M16", "V100M32"), "LS", "Running", 9967058, 9968575, 9967063
    )
    assert [task.seconds for task in workload.tasks] == [1332357, 294651, 1512, 0]
    assert [task.never_ran for task in workload.tasks] == [False, False, False, True]
    assert repr(workload) == "2 nodes with 8 GPUs, 4 tasks in 124.7 days"


@pytest.mark.parametrize(
    ("gpus", "capacity", "asked"),
    [
        ("shared", {"alibabacloud.com/gpu-milli": "8000"}, {"alibabacloud.com/gpu-milli": "220"}),
        ("whole", {"nvidia.com/gpu": "8"}, {"nvidia.com/gpu": "1"}),
    ],
)
def test_what_a_gpu_counts(tmp_path, gpus, capacity, asked):
    workload = read(tmp_path, gpus=gpus)
    assert workload.nodes[1]["status"]["capacity"] == {"cpu": "128000m", "memory": "786432Mi", **capacity}
    assert workload.nodes[0]["status"]["capacity"] == {"cpu": "32000m", "memory": "262144Mi"}
    resources = workload.pods[1]["spec"]["containers"][0]["resources"]
    assert resources == {"requests": {"cpu": "4000m", "memory": "15258Mi", **asked}, "limits": asked}


def test_a_wanted_model_is_a_node_affinity(tmp_path):
    affinity = read(tmp_path).pods[2]["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    expression = {"key": "alibabacloud.com/gpu-card-model", "operator": "In", "values": ["V100M16", "V100M32"]}
    assert affinity == {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    assert read(tmp_path).nodes[1]["metadata"]["labels"] == {"alibabacloud.com/gpu-card-model": "G3"}


def test_a_packed_file_and_one_with_a_byte_order_mark(tmp_path):
    (tmp_path / "nodes.csv").write_text("\ufeff" + NODES, encoding="utf-8")
    (tmp_path / "pods.csv.gz").write_bytes(gzip.compress(PODS.encode()))
    assert len(kl.workload.read(tmp_path / "nodes.csv", str(tmp_path / "pods.csv.gz"))) == 4


ROW = "a,1000,1024,1,500,,LS,Running,10,30,20"


@pytest.mark.parametrize(
    ("pods", "words"),
    [
        (HEAD, r"pods\.csv: there is no row below the names of the columns"),
        ("", r"pods\.csv:1: there is no column 'name': the first line has nothing"),
        ("name,cpu_milli\na,1\n", r"pods\.csv:1: there is no column 'memory_mib': the first line has name, cpu_milli"),
        (HEAD + "a,1000\n", r"pods\.csv:2: memory_mib: the line ends before it"),
        (HEAD + f"{ROW}\n{ROW}\n", r"pods\.csv: 'a' is there twice"),
        (HEAD + ROW.replace("a,", "A_b,"), r"pods\.csv:2: name: 'A_b' cannot be the name of an object"),
        (HEAD + ROW.replace("1000", "much"), r"pods\.csv:2: cpu_milli: 'much' is not a number"),
        (HEAD + ROW.replace("1000", "-1"), r"pods\.csv:2: cpu_milli: '-1' is not a whole number from 0"),
        (HEAD + ROW.replace("1000", "1e999"), r"pods\.csv:2: cpu_milli: '1e999' is not a number"),
        (HEAD + ROW.replace("1000", "nan"), r"pods\.csv:2: cpu_milli: '' is not a number"),
        (HEAD + ROW.replace("500", "1500"), r"pods\.csv:2: gpu_milli: '1500' is not a whole number from 0 to 1000"),
        (HEAD + ROW.replace("Running", "Lost"), r"pods\.csv:2: pod_phase: 'Lost' is none of Succeeded, Running"),
        (HEAD + ROW.replace("30", "5"), r"pods\.csv:2: deletion_time: 5 is before the creation at 10"),
        (HEAD + ROW.replace("20", "40"), r"pods\.csv:2: scheduled_time: 40 is not between the creation at 10 and the deletion at 30"),
        (HEAD + ROW.replace(",,LS", ",V 100,LS"), r"pods\.csv:2: gpu_spec: 'V 100' cannot be the value of a label"),
    ],
)
def test_a_file_that_will_not_do_is_named_with_its_place(tmp_path, pods, words):
    with pytest.raises(kl.workload.WorkloadError, match=words):
        read(tmp_path, pods=pods)


def test_other_bad_input(tmp_path):
    with pytest.raises(ValueError, match=r"gpus='half': use one of 'shared', 'whole'"):
        read(tmp_path, gpus="half")
    (tmp_path / "nodes.csv").write_bytes(b"sn,cpu_milli,memory_mib,gpu,model\n\xff\xfe,1,1,0,\n")
    with pytest.raises(kl.workload.WorkloadError, match="is not a CSV file in UTF-8"):
        kl.workload.read(tmp_path / "nodes.csv", tmp_path / "pods.csv")
    (tmp_path / "nodes.csv.gz").write_bytes(b"plain text")
    with pytest.raises(kl.workload.WorkloadError, match="is not a CSV file in UTF-8"):
        kl.workload.read(tmp_path / "nodes.csv.gz", tmp_path / "pods.csv")
    with pytest.raises(FileNotFoundError):
        kl.workload.read(tmp_path / "none.csv", tmp_path / "pods.csv")


def test_the_sample_has_the_size_of_the_trace():
    workload = kl.workload.read(DATA / "nodes.csv.gz", DATA / "tasks.csv.gz")
    assert (len(workload.machines), sum(machine.gpus for machine in workload.machines), len(workload)) == (1523, 6212, 8152)
    assert sum(path.stat().st_size for path in DATA.glob("*.gz")) < 300_000
