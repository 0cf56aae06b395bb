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
# # DaemonSet rollouts, history, smart rollback
#
# **How do I update what runs on every node, and what becomes of it when the update is bad, or a node is down?**
#
# A log collector on six nodes. While it is away from a node, that node's logs are read by nobody.

# %%
from pathlib import Path
import kubelab as kl

agent = Path("../data/manifests/log-agent.yaml").read_text().replace("namespace: kube-system", "namespace: default")
c = kl.Cluster(nodes=6, seed=5)
c.apply(agent)
c.run(until="ds/log-agent ready").run("10s")
plain = c.fork()
plain.apply(agent.replace("fluent-bit:2.2.0", "fluent-bit:2.2.2"))
plain.run(until="ds/log-agent ready").run("5s")
plain.plot.by_node("ds/log-agent");

# %% [markdown]
# A row is a node, a colour the version of its agent. `maxUnavailable: 1`, the default: one node at a time loses its agent, gets the new one, and only when that is ready is it
# the next node's turn. Each node is without for as long as the image takes to come.
#
# ## First the new one, then the old: `maxSurge`
# A DaemonSet may put the new pod *beside* the old one, if nothing (a host port, a lock in a folder) keeps two apart:

# %%
surge = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2, "maxUnavailable": 0}}


def image(cluster, tag):
    """`kubectl set image ds/log-agent fluent-bit=fluent/fluent-bit:TAG`."""
    containers = [{"name": "fluent-bit", "image": f"fluent/fluent-bit:{tag}"}]
    cluster.patch("ds/log-agent", {"spec": {"template": {"spec": {"containers": containers}}}})
    return cluster


smooth = c.fork()
smooth.patch("ds/log-agent", {"spec": {"updateStrategy": surge}})
image(smooth, "2.2.2").run(until="ds/log-agent ready").run("5s")
smooth.plot.by_node("ds/log-agent");

# %% [markdown]
# Two nodes at a time, and no log line unread. One of the two must be 0: who asks for both is refused.

# %%
try:
    c.patch("ds/log-agent", {"spec": {"updateStrategy": {"rollingUpdate": {"maxSurge": 1}}}})
except kl.ApiError as refusal:
    print(refusal)

# %% [markdown]
# ## A bad version, and the smart rollback
# A slip: `22.2` for `2.2.2`. Nobody has such an image.

# %%
bad = image(c.fork(), "22.2").run("40s")
bad.why_not("ds/log-agent")

# %% [markdown]
# It costs one node its agent and goes no further: the one that is allowed to be unavailable is the one that failed. Every template that a DaemonSet has had
# is kept as a `ControllerRevision`, its history:

# %%
import pandas as pd


def history(cluster):
    """`kubectl rollout history`, and the image of each revision."""
    rows = [
        (row.revision, row.source["metadata"]["name"], row.template["spec"]["containers"][0]["image"])
        for row in cluster.rollout("ds/log-agent").history()
    ]
    return pd.DataFrame(rows, columns=["revision", "object", "image"])


history(bad)

# %%
names = {pod["spec"]["nodeName"]: pod["metadata"]["name"] for pod in bad.list("pods")}
print(bad.rollout("ds/log-agent").undo())
bad.run(until="ds/log-agent ready").run("5s")
history(bad)

# %% [markdown]
# The rollback makes **no new revision**: the template is the one of revision 1, so the same object is found again and takes the next number, 3. And it is *smart*: pods that
# already are of that revision stay as they are. Five of the six were never touched:

# %%
now = {pod["spec"]["nodeName"]: pod["metadata"]["name"] for pod in bad.list("pods")}
print("kept:", sorted(node for node in now if now[node] == names[node]))
bad.plot.by_node("ds/log-agent");

# %% [markdown]
# Had the rollback restarted everything, as a second update would, each node had lost its agent once more, for nothing.
#
# ## A node is down
# Node 3 loses its power, and a good update comes along:

# %%
lame = c.fork()
lame.fault("NodeCrash", nodes=["node-3"])
lame.run("2m")
image(lame, "2.2.2").run("10m")
lame.plot.by_node("ds/log-agent", since=60);

# %% [markdown]
# Node 1 gets its turn, and then the update stands still, for ten minutes and for ever. The pod of the dead node was the first to be replaced, as it is not available anyway; it has been
# deleted, but a kubelet that is down cannot confirm that. From then on its node is the one that may be unavailable. One dead node among a thousand is enough.

# %%
lame.why_not("ds/log-agent")

# %% [markdown]
# Three ways out: bring the node back; delete the Node object, when it will not come back; or allow more nodes to be unavailable than are dead:

# %%
lame.patch("ds/log-agent", {"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 2}}}})
lame.run("1m")
lame.plot.by_node("ds/log-agent", since=700);

# %% [markdown]
# (A share is better than a number in a large cluster: `maxUnavailable: 10%` bears a tenth of the nodes being down, rounded up.)
#
# ## When you say: `OnDelete`
# Nothing is replaced until somebody deletes a pod, node by node, in whatever order a maintenance needs:

# %%
manual = c.fork()
manual.patch("ds/log-agent", {"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}})
image(manual, "2.2.2").run("10s")
for node in ("node-5", "node-2"):
    manual.delete([pod for pod in manual.list("pods") if pod["spec"]["nodeName"] == node][0])
    manual.run("10s")
manual.plot.by_node("ds/log-agent");

# %% [markdown]
# ## Turn the knobs yourself
# Two futures of the cluster, side by side. Set `maxUnavailable` to 1 in A and 3 in B, press *New revision*, and play.

# %%
kl.widget.rollout(c, "ds/log-agent")

# %% [markdown]
# ## Exercise 1: not a second without
# Bring all six nodes to `2.2.2` so that each of them has a ready agent at every instant.

# %%
from kubelab.exercises import Exercise


def images(c):
    """The agent's image on each node, where it is ready."""
    ready = [pod for pod in c.list("pods") if any(s["ready"] for s in pod["status"].get("containerStatuses", ()))]
    return {pod["spec"]["nodeName"]: pod["spec"]["containers"][0]["image"].partition(":")[2] for pod in ready}


def fewest_ready(c, since=10):
    """How many nodes had a ready agent at the worst instant."""
    bars = c.frames.transitions().query("phase == 'Ready' and to_seconds > @since")
    ends = [end for end, lasts in zip(bars["to_seconds"], bars["lasts"]) if not lasts]
    alive = [bars[(bars["from_seconds"] <= at) & (bars["to_seconds"] > at)]["node"].nunique() for at in ends]
    return min(alive, default=6)


gapless = Exercise(
    "Bring all nodes to fluent-bit 2.2.2; none may ever be without a ready agent.",
    {
        "all six nodes run 2.2.2": lambda c: images(c) == {f"node-{n}": "2.2.2" for n in range(1, 7)},
        "the rollout is done": lambda c: c.rollout("ds/log-agent").done,
        "at every instant all six nodes had a ready agent": lambda c: fewest_ready(c) == 6,
    },
)
gapless

# %%
mine = c.fork()
# your lines here

# %%
gapless.check(mine)

# %% [markdown]
# *Solution (open the cell):*

# %% jupyter={"source_hidden": true} tags=["solution"]
solved = c.fork()
solved.patch("ds/log-agent", {"spec": {"updateStrategy": surge}})  # first how, then what
image(solved, "2.2.2").run(until="ds/log-agent ready").run("5s")
gapless.check(solved)

# %% [markdown]
# ## Exercise 2: back to the version before last
# `stray` went from 2.2.0 to 2.2.2 and then to a version that does not exist. Bring it back to **2.2.0**, by its number in the history, without touching the manifest.

# %%
stray = image(c.fork(), "2.2.2").run(until="ds/log-agent ready").run("5s")
image(stray, "22.3").run("30s")
back = Exercise(
    "Bring all nodes back to fluent-bit 2.2.0 by rollout undo.",
    {
        "all six nodes run 2.2.0": lambda c: images(c) == {f"node-{n}": "2.2.0" for n in range(1, 7)},
        "the revision of 2.2.0 is the newest": lambda c: history(c)["image"].iloc[-1].endswith(":2.2.0"),
        "there are three revisions, none was made for it": lambda c: len(history(c)) == 3,
    },
)
back

# %%
mine = stray.fork()
# your lines here

# %%
back.check(mine)

# %% [markdown]
# *Solution (open the cell):*

# %% jupyter={"source_hidden": true} tags=["solution"]
solved = stray.fork()
solved.rollout("ds/log-agent").undo(to=1)  # without a number it would be 2.2.2: the revision before the newest
solved.run(until="ds/log-agent ready").run("5s")
back.check(solved)

# %% [markdown]
# ## In a real cluster
#
# | here | there |
# |---|---|
# | `image(c, "2.2.2")` | `kubectl set image ds/log-agent fluent-bit=fluent/fluent-bit:2.2.2` |
# | `c.rollout("ds/log-agent").status()`, `.history()`, `.undo(to=1)` | `kubectl rollout status ds/log-agent`, `history`, `undo --to-revision=1` |
# | `history(c)` | `kubectl get controllerrevisions -l app=log-agent -o wide` |
# | `c.why_not("ds/log-agent")` | no such thing: `kubectl describe ds/log-agent`, `kubectl get pods -o wide`, the controller's log |
# | `c.plot.by_node("ds/log-agent")` | `kubectl get pods -l app=log-agent -o wide --watch`, and patience |
#
# What differs: images come faster here than over a busy network, and logs that nobody reads are lost only as a thought. How many nodes are touched at a time, what a dead node
# does to an update, and which number a revision gets are what they are there. `revisionHistoryLimit` (10) says how many old revisions are kept; what is older cannot be undone to.
#
# **Next:** `14-canary`, where a machine decides whether an update goes on.
