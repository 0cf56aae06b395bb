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
# # Burst scaling: where each second goes
#
# **How long does it take until *n* pods of a StatefulSet are ready, and what is it that takes so long?**
#
# A set of thirty web servers on ten nodes that have never seen the image, one after another (`OrderedReady`, the default):

# %%
from pathlib import Path
import kubelab as kl

manifest = Path("../data/manifests/burst.yaml").read_text()


def web(replicas, policy):
    return manifest.replace("replicas: 3", f"replicas: {replicas}").replace("OrderedReady", policy)


def burst(replicas, policy, timing="default"):
    """A new cluster in which the whole set has become ready."""
    c = kl.Cluster(nodes=10, seed=7, timing=timing)
    c.apply(web(replicas, policy))
    return c.run(until="sts/web ready", timeout="1h")


ordered = burst(30, "OrderedReady")
ordered.plot.breakdown("sts/web");

# %% [markdown]
# A bar is a pod, from the command to ready; a colour is where the time went. Nearly all of it is waiting for the pods before. The first ten pods each
# pull the image, for each is the first on its node; after that a pod takes about a second.
#
# Now all at once:

# %%
parallel = burst(30, "Parallel")
parallel.plot.breakdown("sts/web");

# %% [markdown]
# Nine times as fast, and something else takes the time: the image. Three pods land on each node, and a kubelet pulls *one image at a time*
# (`serializeImagePulls`): the second and third pod wait in line, although what they wait for is the same image.
#
# In numbers, mean seconds per pod:

# %%
import pandas as pd


def means(c):
    frame = c.frames.breakdown("sts/web")
    return frame.groupby("stage", observed=False)["seconds"].sum() / c["sts/web"]["spec"]["replicas"]


pd.DataFrame({"OrderedReady": means(ordered), "Parallel": means(parallel)}).round(3)

# %% [markdown]
# The stages, in the order in which a pod goes through them:
#
# | stage | who has the pod | what limits it |
# |---|---|---|
# | predecessor | nobody: it does not exist yet | `OrderedReady` |
# | controller | the StatefulSet controller's queue and sync | its workers |
# | client limit | the controller's API client | `--kube-api-qps=20`, `--kube-api-burst=30` |
# | API | calls under way | the API server |
# | scheduler | its queue and one cycle per pod | one pod after the other |
# | pull | the kubelet, the registry | bandwidth; one pull at a time per node |
# | start | the kubelet: sandbox, mounts, create, start | the runtime |
# | probe | the kubelet: the first success, and reporting it | `initialDelaySeconds`, `periodSeconds` |
#
# ## From 3 to 200
# The same burst in many sizes, both policies:

# %%
from kubelab.plot import stages

SIZES = (1, 3, 10, 20, 30, 50, 70, 100, 150, 200)
bursts = {policy: {n: burst(n, policy) for n in SIZES} for policy in ("OrderedReady", "Parallel")}
seconds = pd.DataFrame({policy: {n: c.elapsed for n, c in runs.items()} for policy, runs in bursts.items()})
seconds.assign(times=seconds["OrderedReady"] / seconds["Parallel"]).round(1)

# %%
def taken_apart(runs):
    return stages.tidy({n: c.frames.breakdown("sts/web") for n, c in runs.items()})


stages.draw(taken_apart(bursts["OrderedReady"]));

# %% [markdown]
# `OrderedReady`: already with two pods waiting is the largest part, and it grows with the size, as a sum of all the pods before. Nothing else matters.

# %%
stages.draw(taken_apart(bursts["Parallel"]));

# %% [markdown]
# `Parallel` has **crossing points**:
#
# - Up to ten pods every pod is alone on its node: one pull, the same for all. The burst takes as long as one pod.
# - From ten pods on several share a node and wait in line for the pull: it grows.
# - The controller may send 30 calls at once, then 20 per second, and a pod is one call. So from the 31st on pods wait, the *n*-th about
#   (*n* − 30) / 20 s. Around sixty pods that is more than starting or probing take.
# - Pods that are held back long enough find the image on their node: the pull's share shrinks, the limit's grows. They cross near 130 pods. That is also
#   why 70, 100 and 150 pods take about the same time: the last to be ready is one that stood in line for the pull.
# - Beyond, a faster registry or runtime changes little: the burst takes (*n* − 30) / 20 s and the last pod's start and probe.

# %%
bursts["Parallel"][200].plot.breakdown("sts/web");

# %% [markdown]
# The diagonal edge is the client limit, twenty pods per second. Who asks the API server, and who waits?

# %%
bursts["Parallel"][200].plot.calls();

# %% [markdown]
# ## Raise the limit
# `kube-controller-manager --kube-api-qps=200 --kube-api-burst=300`; here `kl.Timing` has the figures.

# %%
raised = kl.Timing.preset("default").with_(client_qps=200.0, client_burst=300)
faster = {n: burst(n, "Parallel", raised) for n in SIZES}
stages.draw(taken_apart(faster));

# %%
raised_seconds = {n: c.elapsed for n, c in faster.items()}
pd.DataFrame({"20 per second": seconds["Parallel"], "200 per second": raised_seconds}).round(1)

# %% [markdown]
# A higher limit made it *slower*, by far with 200 pods. Now all pods arrive before the image does: twenty stand in line on each node, and
# each pulls in its turn. Even if the image has meanwhile come, that is a question to the registry (800 ms in this `Timing`). The low limit had
# spared them that. So: the image first.
#
# ## The image is there already
# The same cluster, scaled to nothing and up again. The nodes keep the image.

# %%
def again(c, replicas=200):
    """The set scaled to nothing and, after a rest, up again; gives the seconds that the growth took."""
    c.scale("sts/web", 0)
    c.settle().run("1m")
    since = c.elapsed
    c.scale("sts/web", replicas)
    return c.run(until="sts/web ready").elapsed - since


warm, warm_raised = bursts["Parallel"][200].fork(), faster[200].fork()
print(f"20 per second: {again(warm):.1f} s, 200 per second: {again(warm_raised):.1f} s")

# %%
warm_raised.plot.breakdown("sts/web", since=warm_raised.elapsed - 10);

# %% [markdown]
# With the image there, the raised limit pays. The next one shows at once: the vermillion wedge is now the *scheduler's* own client limit, 50 bindings per
# second after a burst of 100 bindings.

# %% [markdown]
# ## Turn the knobs yourself
# Set the policy to `Parallel` in B, 30 replicas in both, and play.

# %%
small = burst(3, "OrderedReady")
kl.widget.rollout(small, "sts/web", pace=0.2)

# %% [markdown]
# ## Exercise 1: predict
# How many seconds will a burst of 120 pods take, with `Parallel`, the limit of 20 per second, and nodes that have the image? Write down an estimate from
# what you have seen; ten percent off is close enough.

# %%
from kubelab.exercises import Exercise

predict = Exercise(
    "Say how many seconds 120 pods take (Parallel, 20 calls per second, image on the nodes).",
    {
        "the estimate is within ten percent of what happens": lambda seconds: (
            abs(seconds - again(warm.fork(), 120)) < 0.1 * seconds
        )
    },
)
predict

# %%
estimate = 0  # your number here

# %%
predict.check(estimate)

# %% [markdown]
# *Solution (open the cell):*

# %% jupyter={"source_hidden": true} tags=["solution"]
held_back = (120 - 30) / 20  # the last pod's turn at the client limit
start_and_probe = 0.5 + 0.5  # from the table of means
predict.check(held_back + start_and_probe)

# %% [markdown]
# ## Exercise 2: faster, and still in order
# Fifty pods with `OrderedReady` took about 75 seconds. Your application needs the order. Get it done in sixty, without touching `kl.Timing`.

# %%
def took(c):
    """Seconds from the command to the last pod's Ready."""
    frame = c.frames.breakdown("sts/web")
    return (frame["from_command"] + frame["seconds"]).max()


in_order = Exercise(
    "Make 50 pods of web ready, in order, within sixty seconds of the command.",
    {
        "fifty pods of web are ready": lambda c: c["sts/web"]["status"]["readyReplicas"] == 50,
        "its policy is OrderedReady": lambda c: c["sts/web"]["spec"]["podManagementPolicy"] == "OrderedReady",
        "they run nginx:1.25.3, ten nodes are enough": lambda c: (
            len(c.list("nodes")) == 10
            and c["sts/web"]["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1.25.3"
        ),
        "it took less than sixty seconds": lambda c: took(c) < 60,
    },
)
in_order

# %%
mine = kl.Cluster(nodes=10, seed=7)
# your lines here

# %%
in_order.check(mine)

# %% [markdown]
# *Solution (open the cell):* the ten pulls are in the way, one after the other: let all nodes pull beforehand, at once.

# %% jupyter={"source_hidden": true} tags=["solution"]
solved = kl.Cluster(nodes=10, seed=7)
solved.apply("""
apiVersion: apps/v1
kind: Deployment
metadata: {name: puller}
spec:
  replicas: 10
  selector: {matchLabels: {app: puller}}
  template:
    metadata: {labels: {app: puller}}
    spec:
      containers: [{name: puller, image: "nginx:1.25.3"}]
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - topologyKey: kubernetes.io/hostname
            labelSelector: {matchLabels: {app: puller}}
""")
solved.run(until="deployment/puller ready")
solved.delete("deployment/puller")
solved.apply(web(50, "OrderedReady"))
solved.run(until="sts/web ready", timeout="1h")
print(f"{took(solved):.1f} s")
in_order.check(solved)

# %% [markdown]
# ## Is it true?
# A control plane of Kubernetes 1.20 on two cores was measured: how long until all pods are ready? The preset `real-1.20-2cpu` has its causes (shared
# cores, etcd's disk, watches, client limits), and no outcome. Seconds, measured and predicted:

# %%
from kubelab.frames import prediction

rows = [row for row in prediction.ROWS if row.pods == 50]
compared = prediction.table(rows, seeds=range(1, 4))
compared[["what", "limits", "measured", "predicted", "error"]].round(2)

# %% [markdown]
# The whole table is in `benchmarks/README.md`. The row that is farthest off is one whose two runs lay far apart, at 0.30 and 0.47 s. And what would make
# each of them faster? One cause after the other, made twice as slow:

# %%
from kubelab.plot import sensitivity

sensitivity.draw(prediction.sensitivity(rows));

# %% [markdown]
# With the usual limits there is one answer, and for an ordered set half a second one: if events are slower than answers, more status writes meet a conflict,
# and each is a call more. With raised limits there are two: who makes pods *in a chain* waits for the disk and the watch of each call; who makes them *at
# once* waits for the server's cores. A faster disk does little for a Deployment, more cores little for an ordered set.

# %% [markdown]
# ## In a real cluster
#
# | here | there |
# |---|---|
# | `podManagementPolicy: Parallel` | the same field; it cannot be changed later: delete the set with `--cascade=orphan`, create it anew |
# | `kl.Timing(client_qps=…, client_burst=…)` | `kube-controller-manager --kube-api-qps --kube-api-burst` |
# | one pull at a time per node | kubelet's `serializeImagePulls: false`, `maxParallelImagePulls` |
# | a Deployment that pulls beforehand | the same, or a DaemonSet, or an image in the node's template |
# | `c.frames.breakdown("sts/web")` | an audit log, the kubelets' events, and patience: the stages must be put together by hand |
# | `c.plot.calls()` | `rest_client_rate_limiter_duration_seconds` of the controller manager's metrics |
#
# What differs: the figures are those of `kl.Timing`, a mid-size cluster. In yours the crossing points lie elsewhere; the curves have the same shape. Put
# your own figures in: `kl.Timing.preset("default").with_(pull_bytes_per_second=…, sandbox_ns=…)`.
#
# `Parallel` is about creation and deletion only: a rolling update of a StatefulSet goes one pod at a time under either policy.
