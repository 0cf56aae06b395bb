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
# # CRI metrics against the summary API
#
# **A container's CPU and memory can be asked for in four ways. Which tells the truth, how late, and at what price?**
#
# On a node the runtime knows best: `ListContainerStats` of the CRI. The kubelet tells what *cAdvisor* saw at its last look: `/stats/summary`, and for scrapers
# `/metrics/resource`. metrics-server scrapes that and serves `metrics.k8s.io`, which `kubectl top` and the autoscaler read. In a real cluster nobody knows the truth; here we do. Each second we
# ask all four about a pod whose CPU goes up and down once in forty seconds:

# %%
import kubelab as kl
from kubelab.frames.collecting import collect, cost
from kubelab.plot import collecting

c = kl.Cluster(nodes=2, seed=7)
c.apply("../data/manifests/loads.yaml")
c.run("3m")
told = collect(c, duration=300)
collecting.draw_curve(told, "load-40", since=300);

# %% [markdown]
# Grey is what the container really used. The CRI follows it. The other three look as if they told of another container: when it is busy they say idle, and the other way round.
#
# ## How old
# Each answer carries the time of its sample. cAdvisor looks at a container every ten to twenty seconds, metrics-server asks every fifteen, and the delays add up:

# %%
collecting.draw_ages(told);

# %% [markdown]
# That is the age of the *end* of the window. A gauge of CPU is a mean over the time between two looks, so it tells of a moment that lies half a window further back.
#
# ## How wrong
# Six pods, the same mean (0.5 cores) and amplitude (0.4), periods from ten seconds to five minutes. The error of a gauge against the truth at the moment of the answer:

# %%
PERIODS = {f"load-{seconds}": seconds for seconds in (10, 20, 40, 80, 160, 320)}
collecting.draw_errors(told, PERIODS);

# %% [markdown]
# The dashed line is who says "0.5" at all times and asks nobody. Loads much faster than the window are averaged to that mean: the gauge is as good as no gauge. Loads of about twice the window and delay are
# told when they are over: the gauge is *worse* than none, and an autoscaler that acts on it adds pods when the load goes. Only loads of several minutes are told as they are.
#
# In numbers (root of the mean square error, cores):

# %%
collecting.errors(told, PERIODS).pivot(index="period", columns="way", values="error").round(2)

# %% [markdown]
# ## Spikes averaged away
# A pod that uses a whole core for five seconds in each minute:

# %%
collecting.draw_curve(told, "spiky", since=300);

# %%
told[told["pod"] == "spiky"].groupby("way", observed=True)["cpu"].describe()[["min", "50%", "max"]].round(2)

# %% [markdown]
# Whoever sets its CPU limit by what `kubectl top` shows sets it to a third of what it needs, and it will be throttled in each spike.
#
# **Counters lose nothing.** Gauges are rates that somebody else has averaged. The counter (`usageCoreNanoSeconds`, `container_cpu_usage_seconds_total`) is exact at its time, whoever tells it,
# so that a mean over five minutes is right by every way:

# %%
def mean_cores(own):
    """From the first and the last counter, and the times at which they were read."""
    taken = own["elapsed"] - own["age"]
    return (own["cpu_seconds"].iloc[-1] - own["cpu_seconds"].iloc[0]) / (taken.iloc[-1] - taken.iloc[0])


counted = told[(told["pod"] == "load-20") & told["cpu_seconds"].notna()]
counted.groupby("way", observed=True)[["elapsed", "age", "cpu_seconds"]].apply(mean_cores).round(2)

# %% [markdown]
# ## Memory, up to the OOM kill
# `leak` takes half a gigabyte in ten minutes, and may have 128 MiB:

# %%
c.plot.usage("pod/leak", resource="memory");

# %%
leak = told[told["pod"] == "leak"]
(leak.groupby("way", observed=True)[["working_set", "true_working_set"]].max() / 2**20).astype(float).round(1)

# %% [markdown]
# Memory is no mean, it is the amount at the moment of the look: late, but not averaged. The highest value before the kill is what the last look happened to see. *That* it was killed none of these
# numbers says; the container's status does (it has been killed before, and those containers are removed from the node):

# %%
status = c["pod/leak"]["status"]["containerStatuses"][0]
status["restartCount"], status["lastState"]["terminated"]["reason"], status["lastState"]["terminated"]["exitCode"]

# %% [markdown]
# ## Throttling
# `held` wants a core for ten seconds of thirty, and its quota is 0.4. A gauge shows it at its limit; that it was *held back* is told by other counters:

# %%
c.plot.throttling("pod/held");

# %% [markdown]
# None of the four ways above has them. `/metrics/cadvisor` has (`container_cpu_cfs_throttled_periods_total`), and the CRI's `ListPodSandboxMetrics`, which is to take its place.
#
# ## The price
# The same two nodes with sixty pods more; one look at everything, by each way:

# %%
large = c.fork()
large.apply("""
apiVersion: apps/v1
kind: Deployment
metadata: {name: many}
spec:
  replicas: 60
  selector: {matchLabels: {app: many}}
  template:
    metadata: {labels: {app: many}}
    spec:
      containers: [{name: main, image: "nginx:1.25.3"}]
""")
large.run(until="deployment/many ready").run("2m")
collecting.draw_cost(cost(large));

# %% [markdown]
# (As JSON and text; the CRI's own protobuf is smaller.) The page of cAdvisor has every series of every cgroup, the sandboxes' included, and most monitoring drops nine tenths of it on arrival.
#
# There is a price that no answer shows: with the summary path two parties look at the same cgroups, cAdvisor on its own and the runtime. That is why upstream moves the kubelet over to the CRI
# (KEP-2371, gate `PodAndContainerStatsFromCRI`). The same cluster with it:

# %%
gated = kl.Cluster(nodes=2, seed=7, feature_gates={"PodAndContainerStatsFromCRI": True})
gated.apply("../data/manifests/loads.yaml")
gated.run("3m")
fresh = collect(gated, duration=120, every=2)
fresh.groupby("way", observed=True)["age"].agg(["count", "median", "max"]).round(1)

# %% [markdown]
# The summary is as fresh as the CRI, and the other two have nothing: as of 1.28 `/metrics/resource` leaves the containers out under this gate, and with them go `kubectl top pods` and the autoscaler. It is an alpha
# feature for a reason.
#
# ## Watch it
# The cluster goes on, five seconds per beat: press play.

# %%
kl.widget.usage(c, pace=5)

# %% [markdown]
# ## Exercise: an alert that fires
# An alert shall fire whenever a pod uses more than 0.8 cores for five seconds. Which way do you ask, and how often? At most twelve questions a minute per node.

# %%
from kubelab.exercises import Exercise


def minutes_with_alarm(answer):
    """In how many of the next five minutes the alert fires for pod spiky."""
    told = collect(c.fork(), duration=300, every=answer["every"], ways=[answer["way"]])
    alarms = told[(told["pod"] == "spiky") & (told["cpu"] > 0.8)]
    return ((alarms["elapsed"] - c.elapsed) // 60).nunique()


alert = Exercise(
    "Choose a way (CRI, summary, resource, metrics-server) and an interval in seconds.",
    {
        "it fires in each of the next five minutes": lambda answer: minutes_with_alarm(answer) == 5,
        "at most twelve questions a minute": lambda answer: answer["every"] >= 5,
    },
)
alert

# %%
mine = {"way": "metrics-server", "every": 15}

# %%
alert.check(mine)

# %% [markdown]
# *Solution (open the cell):* a spike of five seconds is seen by who asks every five, and by nobody whose window is longer.

# %% jupyter={"source_hidden": true} tags=["solution"]
alert.check({"way": "CRI", "every": 5})

# %% [markdown]
# Or leave the gauges: the difference of two counters five seconds apart is a mean over just these five seconds.

# %% [markdown]
# ## In a real cluster
#
# | here | there |
# |---|---|
# | `c.cri("node-1").list_container_stats()` | on the node: `crictl stats -o json`, `crictl statsp` |
# | `c.summary("node-1")` | `kubectl get --raw /api/v1/nodes/NODE/proxy/stats/summary` |
# | `c.prometheus("node-1", "/metrics/resource")` | `kubectl get --raw /api/v1/nodes/NODE/proxy/metrics/resource` |
# | `c.request("GET", "/apis/metrics.k8s.io/v1beta1/pods")` | `kubectl get --raw /apis/metrics.k8s.io/v1beta1/pods`, `kubectl top pods` |
# | `feature_gates={"PodAndContainerStatsFromCRI": True}` | kubelet: `--feature-gates=PodAndContainerStatsFromCRI=true`, and a runtime that has the RPCs |
# | `c.plot.throttling("pod/held")` | `rate(container_cpu_cfs_throttled_periods_total[5m]) / rate(container_cpu_cfs_periods_total[5m])` |
# | `told["true_cpu"]` | nobody knows; `perf` or eBPF on the node come close |
#
# What differs: cAdvisor looks less often at containers whose numbers do not change (up to a minute); a runtime's own sampling differs from one to the next (containerd's newest: one second; before that the time since the
# last question, whoever asked it); disks and networks make their own noise. The windows and delays are upstream's, and so are the shapes of these curves.
