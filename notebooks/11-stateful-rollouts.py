# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Stateful rollouts: ZooKeeper, etcd, Kafka
#
# **How do I update a service that must not lose its members, and what do I do when the update breaks?**
#
# Three manifests as people write them for real: headless service, claims, probes, disruption budget, anti-affinity. The members behind them are played
# by programs that vote, elect and catch up, so that a careless hand visibly loses the quorum.

# %%
from pathlib import Path
import kubelab as kl

zookeeper = Path("../data/manifests/zookeeper.yaml").read_text()
c = kl.Cluster(nodes=5, seed=7)
c.apply(zookeeper)
c.run(until="sts/zk ready").run("15s")
c.plot.timeline("sts/zk");

# %% [markdown]
# `podManagementPolicy: OrderedReady`: each member waits until the one before it is ready. That caution is what this notebook is about: it protects the
# quorum, and it is the trap further down.
#
# ## A careful update: partition
# `partition: 2` lets the update touch ordinals from 2 on only: one canary.

# %%
def partition(cluster, ordinal):
    """Members below the ordinal stay on their revision."""
    cluster.patch("sts/zk", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": ordinal}}}})


careful = c.fork()
partition(careful, 2)
careful.apply(zookeeper.replace("zookeeper:3.8.1", "zookeeper:3.8.4"))
careful.run("40s")
careful.rollout("sts/zk").status()

# %%
careful.plan("sts/zk")

# %% [markdown]
# The canary runs the new version, its controller has nothing to do: it waits for us. We look at the canary's log, like what we see, and let the
# update go on: the highest ordinal first, one at a time, each ready before the next.

# %%
print(careful.logs("pod/zk-2"))

# %%
partition(careful, 0)
careful.run(until="sts/zk ready").run("10s")
careful.plot.rollout("sts/zk");

# %% [markdown]
# ## Quorum over time
# Three members need two for a majority. During the careful update:

# %%
careful.plot.quorum("sts/zk");

# %% [markdown]
# The same cluster in a careless hand: the new revision in place with `OnDelete`, and then `kubectl delete pod -l app=zk`, because it is quicker.

# %%
careless = c.fork()
careless.patch("sts/zk", {"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}})
careless.apply(zookeeper.replace("zookeeper:3.8.1", "zookeeper:3.8.4").replace("type: RollingUpdate", "type: OnDelete"))
for pod in careless.list("pods", selector="app=zk"):
    careless.delete(pod)
careless.run("1m")
careless.plot.quorum("sts/zk");

# %% [markdown]
# Note that the PodDisruptionBudget (`maxUnavailable: 1`) did not help: it binds *evictions* (`kubectl drain`), not deletions. The members came back with
# their data, for their claims were still there; a new leader with a higher epoch was elected:

# %%
print(careless.logs("pod/zk-1"))

# %% [markdown]
# ## A broken update stops
# A slip: `3.84` for `3.8.4`. Nobody has such an image.

# %%
broken = c.fork()
broken.apply(zookeeper.replace("zookeeper:3.8.1", "zookeeper:3.84"))
broken.run("1m")
broken.plot.rollout("sts/zk", since=30);

# %% [markdown]
# One member is lost, two serve, the quorum holds: an update stops at the first member that does not become ready. Why does it not go on?

# %%
broken.why_not("sts/zk")

# %% [markdown]
# ## The trap: undo is not enough
# So we take it back, as the runbook says, and wait five minutes.

# %%
print(broken.rollout("sts/zk").undo())
broken.run("5m")
print(broken.rollout("sts/zk").status())

# %%
broken.plan("sts/zk")

# %% [markdown]
# The revision is the old one again, yet `zk-2` still runs the broken one, and its controller will not touch it: with `OrderedReady` it waits until *every* member
# is running and ready before it does anything, replacing the broken one included. Both wait for each other, for ever. The documentation calls this the
# [forced rollback](https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback).
#
# **The cure:** after the undo, delete the broken pod by hand. Its successor is made from the good revision.

# %%
broken.delete("pod/zk-2")
broken.run(until="sts/zk ready").run("15s")
broken.plot.timeline("sts/zk", since=30);

# %%
broken.explain("pod/zk-2")

# %% [markdown]
# ## etcd does not fall into it
# The same story with etcd, whose set is `podManagementPolicy: Parallel`. The slip this time: `v3.5.10`, as etcd's own releases are called; in this
# registry the tag is `3.5.10-0`.

# %%
etcd = Path("../data/manifests/etcd.yaml").read_text()
e = kl.Cluster(nodes=5, seed=7)
e.apply(etcd)
e.run(until="sts/etcd ready").run("15s")
e.apply(etcd.replace("etcd:3.5.9-0", "etcd:v3.5.10"))
e.run("1m")
e.rollout("sts/etcd").undo()
e.run(until="sts/etcd ready").run("10s")
e.plot.timeline("sts/etcd");

# %% [markdown]
# The undo alone was enough. A `Parallel` set does not wait for all members before it acts: it sees a pod of a revision that is not wanted and replaces it. An
# update still goes one member at a time:

# %%
e.apply(etcd.replace("etcd:3.5.9-0", "etcd:3.5.10-0"))
e.run(until="sts/etcd ready").run("10s")
e.plot.quorum("sts/etcd");

# %% [markdown]
# ## Kafka: ready is not in sync
# Kafka has no quorum of brokers but *in-sync replicas*: a broker that comes back first copies what it has missed. Three replicas, of which two must be in
# sync (`min.insync.replicas=2`), or writes are refused. The controller knows nothing of that. It asks the readiness probe, and the manifest's probe asks
# for an open port.
#
# Three futures of one update: the manifest as it is; without its `preStop` hook (`sleep 10`); without the hook, but with a probe that asks the broker
# whether its replicas are in sync.

# %%
import re


def change(cluster, **fields):
    """Patch Kafka's container: `kubectl set image` and the like."""
    containers = [{"name": "kafka", **fields}]
    cluster.patch("sts/kafka", {"spec": {"template": {"spec": {"containers": containers}}}})
    return cluster


def in_sync(cluster):
    """The fewest in-sync replicas of a partition, as the first broker that answers lists them."""
    for broker in ("kafka-0", "kafka-1", "kafka-2"):
        path = f"/api/v1/namespaces/default/pods/{broker}/exec?command=kafka-topics.sh&command=--describe"
        code, answer = cluster.request("POST", path)  # kubectl exec kafka-0 -- kafka-topics.sh --describe
        if code == 200 and answer["exitCode"] == 0:
            return min(len(replicas.split(",")) for replicas in re.findall(r"Isr: (\S+)", answer["stdout"]))
    return 0


k = kl.Cluster(nodes=5, seed=7)
k.apply("../data/manifests/kafka.yaml")
k.run(until="sts/kafka ready").run("30s")
ask = {"command": ["bash", "-c", 'test -z "$(kafka-topics.sh --describe --under-replicated-partitions)"']}
futures = {
    "as it is": k.fork(),
    "without the hook": change(k.fork(), lifecycle=None).run("5m"),
    "without the hook, honest probe": change(
        k.fork(), lifecycle=None, readinessProbe={"exec": ask, "tcpSocket": None}
    ).run("5m"),
}

# %%
import matplotlib.pyplot as plt
from kubelab.plot import style

plt.style.use(style.SHEET)
figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), sharey=True)
for ax, (name, cluster) in zip(axes, futures.items()):
    change(cluster, image="apache/kafka:3.7.1")
    seen = [in_sync(cluster.run(1)) for _ in range(90)]
    refused = sum(replicas < 2 for replicas in seen)
    ax.step(range(1, 91), seen, where="post", color=style.BAD if refused else style.GOOD)
    ax.axhline(2, linestyle="--", color=style.BLACK, linewidth=1)
    ax.set(xlabel="seconds since the update", ylim=(0, 3.3), yticks=range(4))
    ax.set_title(f"{name}:\nwrites refused for {refused} s", fontsize=9.5)
axes[0].set_ylabel("fewest replicas in sync");

# %% [markdown]
# Ten seconds of sleep before a broker ends are all that lets its predecessor catch up. In the middle picture two of three brokers were *ready* at any time,
# the budget and the controller were content, and yet producers with `acks=all` got `NotEnoughReplicas`. The honest probe needs no luck: the controller goes
# on when the broker says so.
#
# ## Turn the knobs yourself
# Two futures of the ZooKeeper cluster. Set `partition` to 2 in A and 0 in B, press *New revision*, and play.

# %%
kl.widget.rollout(c, "sts/zk")

# %% [markdown]
# ## Exercise 1: a canary, and no further
# Bring `zookeeper:3.9.2` to `zk-2` only.

# %%
from kubelab.exercises import Exercise


def image(c, pod):
    return c[pod]["spec"]["containers"][0]["image"]


canary = Exercise(
    "Run zookeeper:3.9.2 on zk-2 only.",
    {
        "zk-2 runs zookeeper:3.9.2": lambda c: image(c, "pod/zk-2") == "zookeeper:3.9.2",
        "zk-0 and zk-1 still run zookeeper:3.8.1": lambda c: (
            image(c, "pod/zk-0") == image(c, "pod/zk-1") == "zookeeper:3.8.1"
        ),
        "all three are ready, and it stays so for five minutes": lambda c: (
            c.run("5m")["sts/zk"]["status"]["readyReplicas"] == 3 and image(c, "pod/zk-1") == "zookeeper:3.8.1"
        ),
        "the quorum was never lost": lambda c: "lost" not in set(c.frames.quorum("sts/zk")["verdict"]),
    },
)
canary

# %%
mine = c.fork()
# your lines here

# %%
canary.check(mine)

# %% [markdown]
# *Solution (open the cell):*

# %% jupyter={"source_hidden": true} tags=["solution"]
solved = c.fork()
partition(solved, 2)  # first the fence, then the new image
solved.apply(zookeeper.replace("zookeeper:3.8.1", "zookeeper:3.9.2"))
solved.run("1m")
canary.check(solved)

# %% [markdown]
# ## Exercise 2: out of the trap
# `stuck` is in the trap: its image was set to one that does not exist. Bring it to `zookeeper:3.8.4` without losing the quorum.

# %%
stuck = c.fork()
stuck.apply(zookeeper.replace("zookeeper:3.8.1", "zookeeper:3.84"))
stuck.run("2m")
rescue = Exercise(
    "Bring all members to zookeeper:3.8.4 without losing the quorum.",
    {
        "all three run zookeeper:3.8.4": lambda c: all(image(c, f"pod/zk-{n}") == "zookeeper:3.8.4" for n in range(3)),
        "the rollout is done": lambda c: c.rollout("sts/zk").done,
        "the quorum was never lost": lambda c: "lost" not in set(c.frames.quorum("sts/zk")["verdict"]),
    },
)
rescue

# %%
mine = stuck.fork()
# your lines here

# %%
rescue.check(mine)

# %% [markdown]
# *Solution (open the cell):*

# %% jupyter={"source_hidden": true} tags=["solution"]
solved = stuck.fork()
solved.apply(zookeeper.replace("zookeeper:3.8.1", "zookeeper:3.8.4"))  # right at last, but nothing moves …
solved.delete("pod/zk-2")  # … until the broken pod is gone
solved.run(until="sts/zk ready")
rescue.check(solved)

# %% [markdown]
# ## In a real cluster
#
# | here | there |
# |---|---|
# | `partition(c, 2)` | `kubectl patch sts zk -p '{"spec":{"updateStrategy":{"rollingUpdate":{"partition":2}}}}'` |
# | `c.rollout("sts/zk").status()`, `.history()`, `.undo()` | `kubectl rollout status sts/zk`, `history`, `undo` |
# | `c.plan("sts/zk")`, `c.why_not("sts/zk")` | no such thing: `kubectl describe`, `kubectl get events`, the controller's log |
# | `c.delete("pod/zk-2")` | `kubectl delete pod zk-2` |
# | `c.plot.quorum("sts/zk")` | `kubectl exec zk-0 -- bash -c 'echo mntr \| nc 127.0.0.1 2181'` on each member, over time |
#
# What differs: how long a member takes to start, elect and catch up is a model here, and its figures are smaller than those of a cluster with terabytes on its
# disks; take from this notebook what happens and in which order, not how many seconds. What the controllers do is what they do there.
# `maxUnavailable` of a StatefulSet is an alpha field (feature gate `MaxUnavailableStatefulSet`): `kl.Cluster(feature_gates={"MaxUnavailableStatefulSet": True})`.
#
# **Next:** `12-burst-scaling`, where each second of a burst goes.
