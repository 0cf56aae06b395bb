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
# # Audit-log analysis: a week of a cluster
#
# **Here is the audit log of a week. What happened, who did it, and what should change?**
#
# Two teams, a delivery pipeline, monitoring and an operator share a small cluster. All that is left of their week is one file of 17,667 lines, recorded at
# `Metadata`. We go from counts to causes.

# %%
import kubelab as kl

log = kl.auditlog.read("../data/audit/week.jsonl.gz")
log.plot.activity();

# %% [markdown]
# A row is a user, a field an hour. People and the pipeline work by day, from Monday to Friday, and the controllers with them. Machines never sleep. Four
# things do not fit: the monitoring on Wednesday, the operator on Thursday, something on Sunday in the night, something on Sunday morning.
#
# ## Counts
# Who asks, by their role, and how much of it is background (Events, elections, probes), which is counted beside and never thrown away:

# %%
log.requests("role")[["role", "calls", "background", "share", "errors"]].round(3)

# %%
log.requests("target", top=5)[["target", "calls", "share", "errors", "bytes"]].round(2)

# %% [markdown]
# ## Noisy clients
# More than a third of all calls are about pods. Which of them hurt? A list without `limit` and without `resourceVersion=0` is read from storage, every object, each time:

# %%
log.plot.noisy_clients();

# %% [markdown]
# When did it begin, and when did it end? The query of a request tells one list from the other:

# %%
monitoring = log.only(user="system:serviceaccount:monitoring:prometheus")
monitoring.requests(["target", "query"])[["target", "query", "calls", "first", "last"]]

# %% [markdown]
# From ten to three on Wednesday, every twenty seconds: a new version of the monitoring, until someone rolled it back. **To change:** flow control for service accounts
# (a FlowSchema), and a look at `unlimited` after each release of something that lists.
#
# ## Conflicts
# An update with an outdated `resourceVersion` is answered by 409. Controllers live with that: they read again, and it works within milliseconds. One does not:

# %%
log.plot.conflicts();

# %% [markdown]
# The operator's conflicts are "resolved" ten seconds later, by its next round. How does it lose? The table behind every answer takes SQL; `object_rv` is the version that
# was sent:

# %%
log.sql("""
    SELECT object_rv AS version_sent, count(*) AS updates, list(code ORDER BY received) AS codes, min(received) AS first
    FROM calls WHERE effective LIKE '%:cache-operator' AND verb = 'update'
    GROUP BY object_rv ORDER BY first LIMIT 4
""")

# %% [markdown]
# Each version is written *twice*: two instances of the operator, both of which think that they are alone. A controller that runs twice holds a lease, and the log would show
# its renewals:

# %%
log.elections()

# %% [markdown]
# None. **To change:** leader election for the operator, or one replica with `strategy: Recreate`.
#
# ## Rollouts, reconstructed
# Who rolled out what, how long it took, and whether it came up: from nothing but names, verbs and times.

# %%
steps = log.rollout_steps(namespace="web")
steps.groupby(["workload", "what", "outcome"], observed=True)["seconds"].agg(["count", "median", "max"]).round(1)

# %%
steps[steps["outcome"] == "unfinished"][["workload", "asked", "by", "created", "deleted", "not_replaced", "why"]]

# %%
tuesday = log.only(start="2026-03-02T14:40:00Z", end="2026-03-03T12:30:00Z", namespace="web")
tuesday.plot.rollouts("deployment/search", namespace="web");

# %% [markdown]
# On Tuesday at 11:24 a new pod of `search` was started and was never ready; half an hour later the pipeline brought another version. The three old pods served all the time: that is what
# `maxUnavailable` is for. Why it did not come up a log at `Metadata` does not say (`log.rollout_notes()` says what else it does not): with the pods' status at `RequestResponse` there would be
# an `ImagePullBackOff`.
#
# ## Denied
# 401 is "who are you?", 403 "you may not". A single 403 is a slip; the same ones for days are a habit, or somebody trying doors:

# %%
log.denied()[["user", "verb", "target", "namespace", "calls", "first", "last"]]

# %% [markdown]
# Bob, of the other team, on all five days, at any time, secrets first. Either he needs something and nobody gives it to him, or it is not Bob: ask him.
#
# ## Anomalies
# What stands out against a normal week? Monday to Friday as baseline, users and verbs and resources by the hour:

# %%
WORKDAYS = ("2026-03-02T00:00:00Z", "2026-03-07T00:00:00Z")
found = log.anomalies(baseline=WORKDAYS, window="1h")
print(len(found), "windows stand out;", found.attrs["tests"], "were tested")

# %% [markdown]
# Nothing. The weekend is silent, a handful of calls more is no anomaly *by number*; with thousands of tests a threshold that found it would find much else.
# An anomaly is a matter of what you count by. Users and the addresses they come from:

# %%
found = log.anomalies(baseline=WORKDAYS, window="1h", by=["user", "source_ip"])
found[["user", "source_ip", "window", "calls", "kind", "q"]]

# %%
found.attrs["false_alarms"]

# %% [markdown]
# That is the honest part: each half of the baseline, tested against the other half, gives alarms too, and they are all false. Here two of 120 hours: an alarm is a question,
# not an answer.
#
# ## Walk through it yourself
# Choose a window of time and a question.

# %%
kl.widget.audit(log)

# %% [markdown]
# ## Exercise 1: who deleted the StatefulSet?
# On Sunday morning the team of `data` found its StatefulSet `ledger` gone. Who deleted it, when, and from which address?

# %%
from hashlib import sha256

from kubelab.exercises import Exercise


def sealed(value):
    """So that the answer does not stand beside the question."""
    return sha256(str(value).encode()).hexdigest()[:8]


deletion = Exercise(
    "Find who deleted sts/ledger in namespace data: answer with a dict of user, at, address.",
    {
        "the user is right": lambda answer: sealed(answer["user"]) == "179592d3",
        "the time is right, to the second": lambda answer: sealed(f"{answer['at']:%F %T}") == "bdda758d",
        "the address is right": lambda answer: sealed(answer["address"]) == "0c25434b",
    },
)
deletion

# %%
from datetime import datetime

mine = {"user": "", "at": datetime(2026, 3, 8), "address": ""}  # your answer here

# %%
deletion.check(mine)

# %% [markdown]
# *Solution (open the cell):*

# %% jupyter={"source_hidden": true} tags=["solution"]
gone = log.who("sts/ledger", namespace="data", verb="delete")
display(gone[["time", "who", "client", "source_ip", "allowed_by"]])
solved = {"user": gone.iloc[0]["who"], "at": gone.iloc[0]["time"], "address": gone.iloc[0]["source_ip"]}
deletion.check(solved)

# %% [markdown]
# A warning about addresses: `sourceIPs` may begin with what the header `X-Forwarded-For` says, and whoever reaches the API server directly can write into it what he likes. `source_ip` is the last of them,
# the only one that the server saw itself. Behind a proxy that is the proxy, and `forwarded_for` has the first.
#
# ## The night visit
# The pipeline's token, from an address where the pipeline never was:

# %%
PIPELINE = "system:serviceaccount:ci:deployer"
visit = log.only(user=PIPELINE, ip="203.0.113.77")
visit.calls()[["received", "verb", "uri", "code", "user_agent"]]

# %% [markdown]
# Thirty-five seconds: all secrets, the database's password, all deployments, "what may I do?", the secrets of `kube-system`, and then the ledger. Each call was *allowed*:

# %%
log.permissions().query("subject.str.contains('deployer')")[["binding", "role", "calls", "verbs", "resources"]]

# %% [markdown]
# The pipeline was cluster-wide `admin`, because that is the quickest way to make a pipeline work. What does it really need?
#
# ## The least rights that would do
# Roles made from observed use. From all of its calls, the visitor's wishes would be granted too:

# %%
log.plot.rbac(PIPELINE);

# %% [markdown]
# So leave the visit out:

# %%
roles = log.only(user=PIPELINE, ip="10.244.7.21").rbac(PIPELINE)
print(roles.yaml())

# %% [markdown]
# One Role in one namespace, two verbs, three names. That it would do is not promised but proven: every call of the week is judged again by the authorizer, and nothing is allowed
# that was not used.

# %%
roles.replay()

# %% [markdown]
# ## Exercise 2: would it have helped?
# Set up a cluster with these roles and let the visitor come again. (`visit.calls()` has the URIs; the review is a POST with a body, leave it out.)

# %%
def admitted(cluster):
    """The calls of the visit that a cluster allows."""
    uris = [uri for verb, uri in visit.calls()[["verb", "uri"]].values if verb in ("get", "list")]
    asked = [cluster.request("GET", uri, user=PIPELINE, groups=["system:serviceaccounts:ci"]) for uri in uris]
    return [uri for uri, (code, _) in zip(uris, asked) if code != 403]


prevented = Exercise(
    "A cluster in which the pipeline works and the visit fails.",
    {
        "the pipeline may patch deployment/shop": lambda c: (
            c.as_user(PIPELINE).patch("deployment/shop", {"spec": {"replicas": 1}}, namespace="web")
        ),
        "the visitor reads nothing": lambda c: admitted(c) == [],
        "and may not delete the ledger": lambda c: (
            c.request("DELETE", "/apis/apps/v1/namespaces/data/statefulsets/ledger", user=PIPELINE)[0] == 403
        ),
    },
)
prevented

# %%
mine = kl.Cluster(nodes=1)
applied = mine.apply("../data/manifests/week.yaml")  # namespaces, the pipeline's account, three deployments
# your lines here

# %%
prevented.check(mine)

# %% [markdown]
# *Solution (open the cell):*

# %% jupyter={"source_hidden": true} tags=["solution"]
solved = kl.Cluster(nodes=1)
solved.apply("../data/manifests/week.yaml")
solved.apply(roles.yaml())
prevented.check(solved)

# %% [markdown]
# (The review "what may I do?" is allowed to everybody who is authenticated. It would have answered: nearly nothing.)
#
# ## The same on a real log
# 56 seconds of a real control plane, Kubernetes 1.20.2, with twenty nodes whose kubelets are played by a small agent: what it did nobody wrote down for us, but its audit log did.

# %%
real = kl.auditlog.read("../data/audit/real-busy-minute.jsonl.gz")
real.plot.activity(every="second");

# %%
real.plot.rollouts(namespace="default");

# %% [markdown]
# Three Deployments, two StatefulSets, a DaemonSet; two updates of Deployments went through, one got stuck and was taken back ten seconds later; and then all Deployments were deleted. At Metadata the chart cannot say
# when a pod was *ready*, and says so.
#
# What did the seconds go to? Latencies are on record in a real log:

# %%
real.plot.latencies();

# %%
writers = real.write_amplification().head(6)
writers[["writer", "writes", "status_writes", "objects", "refused", "amplification"]].round(1)

# %% [markdown]
# Fifteen changes that somebody asked for became more than a thousand writes: that is what controllers are.
#
# ## Hand it in
# All of it as one page that prints, with what stands out at the top:

# %%
import tempfile
from pathlib import Path

from kubelab import report

page = report.write(log, Path(tempfile.mkdtemp(), "week.html"), title="A week of the lab cluster")
page.name

# %% [markdown]
# ## In a real cluster
#
# | here | there |
# |---|---|
# | `kl.auditlog.read("week.jsonl.gz")` | the same: files of `--audit-log-path`, folders, exports of EKS, GKE and AKS; `.scan(…)` for what does not fit into memory |
# | `report.write(log, "week.html")` | `kubelab audit report /var/log/kubernetes/audit/ -o week.html` |
# | `log.who("sts/ledger", namespace="data", verb="delete")` | `jq 'select(.verb=="delete" and .objectRef.resource=="statefulsets" and .objectRef.name=="ledger")'`, and then its owner's deletions, its namespace's … |
# | `roles.yaml()` | `kubectl apply -f` it, then take the old binding away: `kubectl delete clusterrolebinding deployer` |
# | the token that was stolen | delete its Secret, or its ServiceAccount: bound tokens die with the object that they are bound to |
# | `c.as_user(…)` | `kubectl auth can-i --list --as=system:serviceaccount:ci:deployer` |
#
# What differs: a real log is larger by orders of magnitude, has holes (each API server writes its own file: read all of them), and its policy has left things out.
# Clocks of several servers differ; so do addresses behind load balancers. The people in this one are invented, the controllers are those of the lab, and what each call looks like in the log is as upstream writes it.
