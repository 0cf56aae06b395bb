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
# # Start here: a cluster in a cell
#
# **What can I do with a Kubernetes cluster that lives in a notebook?**
#
# The next cell starts a control plane with five nodes, applies the manifest that you would give to `kubectl apply -f`, and waits until the rollout is
# done. The scheduler, the controllers and the kubelets do what they do in a real cluster; only time is virtual: it passes when you say `run`, and
# every reader sees the same picture.

# %%
import kubelab as kl

c = kl.Cluster(nodes=5, seed=7)
c.apply("../data/manifests/web.yaml")
c.run(until="deployment/web ready")
c.plot.timeline();

# %% [markdown]
# A row is a pod, a colour what it was doing. Pulling the image takes most of the time; then the startup probe has to say yes.
#
# ## Look
# The cluster itself, and what is in it, as `kubectl get` would print it:

# %%
c

# %%
c.list("pods")

# %% [markdown]
# Everything that happened is on record: `c.frames` gives it as DataFrames, `c.plot` as pictures.

# %%
c.frames.pods()[["name", "node", "phase", "to_scheduled", "to_started", "to_ready"]].round(3)

# %%
c.plot.placement();

# %%
c.plot.ownership("deployment/web");

# %% [markdown]
# Who put the first pod where it is, and because of what? `explain` walks back from its present state to the command that set it off.

# %%
c.explain(c.list("pods", selector="app=web")[0])

# %% [markdown]
# ## Break
# A slip of the pen, the one of the Kubernetes documentation: `1.161` for `1.16.1`. We apply the manifest with an image that does not exist, and give
# it a minute.

# %%
from pathlib import Path

manifest = Path("../data/manifests/web.yaml").read_text()
c.run("20s")
c.apply(manifest.replace("nginx:1.25.3", "nginx:1.161"))
c.run("1m")
c.plot.rollout("deployment/web");

# %% [markdown]
# Four of five still serve: the Deployment promised `maxUnavailable: 1`, so the rollout stops where it would break its word. Why does it not go on?

# %%
c.why_not("deployment/web")

# %%
c.why_not(c.list("pods", field_selector="status.phase=Pending")[0])

# %% [markdown]
# ## Fix
# `rollout` is `kubectl rollout`: status, history, undo, pause, resume, restart.

# %%
c.rollout("deployment/web").undo()

# %%
c.run(until="deployment/web ready").run("20s")
c.plot.timeline("deployment/web");

# %% [markdown]
# ## Fork
# Which strategy should the next update use? Here a notebook can do what a cluster cannot: live both futures. `fork` makes two clusters of one past,
# in milliseconds.

# %%
newer = {"spec": {"template": {"spec": {"containers": [{"name": "nginx", "image": "nginx:1.27.0"}]}}}}
rolling, recreate = c.fork(), c.fork()
recreate.patch("deployment/web", {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}})
for future in (rolling, recreate):
    future.patch("deployment/web", newer)
    future.run("25s")

# %%
import matplotlib.pyplot as plt
from kubelab.plot import style

plt.style.use(style.SHEET)
figure, (above, below) = plt.subplots(2, 1, figsize=(9, 7), sharex=True)
rolling.plot.rollout("deployment/web", since=100, ax=above)
recreate.plot.rollout("deployment/web", since=100, ax=below);

# %% [markdown]
# ## Turn the knobs yourself
# The widget holds two futures of `c`, A and B. Set different values for both, press *New revision*, then play.

# %%
kl.widget.rollout(c, "deployment/web")

# %% [markdown]
# ## Exercise 1: grow and update
# `mine` is a fork of the cluster. Bring it to eight pods of `nginx:1.27.0`.

# %%
from kubelab.exercises import Exercise

grow = Exercise(
    "Bring web to eight ready pods of nginx:1.27.0, with never fewer than four ready on the way.",
    {
        "eight pods are wanted, and the rollout is done": lambda c: (
            c["deployment/web"]["spec"]["replicas"] == 8 and c.rollout("deployment/web").done
        ),
        "they run nginx:1.27.0": lambda c: (
            c["deployment/web"]["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1.27.0"
        ),
        "there were never fewer than four ready": lambda c: (
            c.frames.quorum("deployment/web").query("elapsed > 10")["ready"].min() >= 4
        ),
    },
)
grow

# %%
mine = c.fork()
# your lines here

# %%
grow.check(mine)

# %% [markdown]
# *Solution (open the cell):*

# %% jupyter={"source_hidden": true} tags=["solution"]
solved = c.fork()
solved.scale("deployment/web", 8)
solved.patch("deployment/web", newer)
solved.run(until="deployment/web ready")
grow.check(solved)

# %% [markdown]
# ## Exercise 2: the pod that finds no node
# Somebody asks for more than a node has. Find out what is in the way, and make the Deployment `hungry` ready.

# %%
full = c.fork()
full.apply("""
apiVersion: apps/v1
kind: Deployment
metadata: {name: hungry}
spec:
  replicas: 2
  selector: {matchLabels: {app: hungry}}
  template:
    metadata: {labels: {app: hungry}}
    spec:
      containers:
      - name: hungry
        image: nginx:1.25.3
        resources: {requests: {cpu: "6", memory: 1Gi}}
""")
full.run("30s")
feed = Exercise(
    "Make both pods of hungry ready.",
    {
        "two pods of hungry are ready": lambda c: c["deployment/hungry"]["status"]["readyReplicas"] == 2,
        "each asks for a whole number of CPUs": lambda c: (
            int(c["deployment/hungry"]["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"])
            >= 1
        ),
    },
)
feed

# %%
mine = full.fork()
# your lines here: mine.why_not(…) says what is in the way

# %%
feed.check(mine)

# %% [markdown]
# *Solution (open the cell):*

# %% jupyter={"source_hidden": true} tags=["solution"]
solved = full.fork()
print(solved.why_not(solved.list("pods", selector="app=hungry")[0]))
hungry = {"name": "hungry", "resources": {"requests": {"cpu": "3"}}}
solved.patch("deployment/hungry", {"spec": {"template": {"spec": {"containers": [hungry]}}}})
solved.run(until="deployment/hungry ready")
feed.check(solved)

# %% [markdown]
# ## In a real cluster
#
# | here | there |
# |---|---|
# | `c.apply("web.yaml")` | `kubectl apply -f web.yaml` |
# | `c.run(until="deployment/web ready")` | `kubectl rollout status deployment/web`, and wait |
# | `c.why_not("pod/…")` | `kubectl describe pod …`, `kubectl get events`, the scheduler's log, and experience |
# | `c.rollout("deployment/web").undo()` | `kubectl rollout undo deployment/web` |
# | `c.scale("deployment/web", 8)` | `kubectl scale deployment/web --replicas=8` |
# | `c.frames`, `c.plot`, `c.explain` | an audit log, if somebody switched it on before |
# | `c.fork()` | nothing: a real cluster has one future |
#
# What differs: images are not run but played, pulls and probes take the time that `kl.Timing` says, and no packet crosses a network. Which pod is made,
# bound, started, refused or deleted, when, by whom and because of what: that is decided as upstream decides it.
#
# **Next:** `11-stateful-rollouts` (updates that must not lose a quorum), `12-burst-scaling` (where each second of a burst goes).
