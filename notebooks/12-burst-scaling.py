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
import kubelab as kl

MANIFEST = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: web}}
spec:
  serviceName: web
  replicas: {replicas}
  podManagementPolicy: {policy}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
      - name: nginx
        image: nginx:1.25.3
        readinessProbe: {{httpGet: {{path: /, port: 80}}, periodSeconds: 5}}
        ports: [{{containerPort: 80}}]
"""


def burst(replicas, policy, timing="default"):
    """A new cluster in which the whole set has become ready."""
    c = kl.Cluster(nodes=10, seed=7, timing=timing)
    c.apply(MANIFEST.format(replicas=replicas, policy=policy))
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

SIZES = (1, 3, 5, 10, 20, 30, 50, 70, 100, 150, 200)
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
# - Up to ten pods every pod is alone on its node: one pull, the same for all. The burst takes as long as its slowest pod.
# - From ten pods on several share a node and wait in line for the pull: it grows.
# - The controller may send 30 calls at once, then 20 per second. A pod is one call. So the 31st pod is the first that waits, and the *n*-th waits
#   (*n* − 30) / 20 s. Around fifty-five pods that is more than starting or probing take.
# - Pods that are held back so long find the image on their node: the pull's share shrinks, the limit's grows. They cross near 130 pods. From there on a
#   faster registry, a faster runtime, a faster probe change nothing: the burst takes (*n* − 30) / 20 s and the last pod's start.

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
pd.DataFrame({"20 per second": seconds["Parallel"], "200 per second": {n: c.elapsed for n, c in faster.items()}}).round(1)

# %% [markdown]
# Raising one limit only moves the burst to the next one: now twenty pods stand in line for one pull on each node, and 200 pods are hardly ready
# sooner. So: the image first.
#
# ## The image is there already
# The same cluster, scaled to nothing and up again. The nodes keep the image.

# %%
def again(c, replicas=200):
    """Scale to nothing, and up again; the seconds that it took, and the cluster."""
    c.scale("sts/web", 0)
    c.settle()
    since = c.elapsed
    c.scale("sts/web", replicas)
    c.run(until="sts/web ready")
    return c.elapsed - since, c


warm, warm_raised = again(bursts["Parallel"][200].fork()), again(faster[200].fork())
print(f"20 per second: {warm[0]:.1f} s    200 per second: {warm_raised[0]:.1f} s")

# %%
warm_raised[1].plot.breakdown("sts/web", since=warm_raised[1].elapsed - warm_raised[0] - 0.01);

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
            abs(seconds - again(bursts["Parallel"][200].fork(), 120)[0]) < 0.1 * seconds
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
start_and_probe = 0.5 + 0.6  # from the table of means; most pods are ready long before the last one
predict.check(held_back + start_and_probe)

# %% [markdown]
# ## Exercise 2: faster, and still in order
# Fifty pods with `OrderedReady` took {ordered_50} seconds. Your application needs the order. Get it done in sixty, without touching `kl.Timing`.

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
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: puller}}}
""")
solved.run(until="deployment/puller ready")
solved.delete("deployment/puller")
solved.apply(MANIFEST.format(replicas=50, policy="OrderedReady"))
solved.run(until="sts/web ready", timeout="1h")
print(f"{took(solved):.1f} s")
in_order.check(solved)

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
