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
# # Audit policy: what it records, what it costs
#
# **Which policy lets me answer what I will be asked one day, and what do I pay for it?**
#
# An API server with an audit policy writes an event for each request. A cluster with three nodes, a web server of four pods, and half an hour in
# which nobody touches anything, everything recorded:

# %%
import kubelab as kl

c = kl.Cluster(nodes=3, seed=7, audit_policy="RequestResponse")
c.apply("../data/manifests/shop.yaml")
c.run("30m")
kl.auditlog.read(c).plot.volume();

# %% [markdown]
# Two fifths of it are heartbeats: each node renews its lease every ten seconds. A quarter is the boot, whose roles are made and then listed whole by those
# who need them; a fifth are watches: the server ends each after five to ten minutes, and it is begun anew. A log that keeps everything mostly keeps the pulse
# of the machines.
#
# ## An hour with people in it
# A robot looks after the deployment each minute; Alice reads a secret, brings a new version and runs a command; Bob deletes what he should not; and
# the robot, misled, deletes a whole collection.

# %%
IMAGE = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "nginx:1.25.4"}]}}}}


def an_hour(policy):
    """The same hour, every time, under an audit policy that comes into force when the cluster is there."""
    c = kl.Cluster(nodes=3, seed=7)
    c.audit.reload(policy)
    c.apply("../data/manifests/shop.yaml")
    c.run("10m")
    alice, bob = (c.as_user(name, groups=["dev-shop"]) for name in ("alice", "bob"))
    robot = c.as_user("system:serviceaccount:shop:robot", groups=["system:serviceaccounts:shop"])
    for _ in range(20):
        robot.get("deployment/web", namespace="shop")
        robot.list("pods", namespace="shop")
        c.run("1m")
    alice.get("secret/database", namespace="shop")
    alice.patch("deployment/web", IMAGE, namespace="shop")
    c.run("5m")
    alice.exec("deployment/web", "echo --password=correct-horse", namespace="shop")
    bob.delete("configmap/settings", namespace="shop")
    robot.request("DELETE", "/api/v1/namespaces/shop/pods?labelSelector=app%3Dweb")
    c.run("10m")
    bob.delete("deployment/web", namespace="shop")
    c.run("15m")
    return c


c = an_hour("RequestResponse")
log = kl.auditlog.read(c)
log

# %% [markdown]
# ## Levels
# `None` records nothing, `Metadata` who asked for what and how it ended, `Request` also what was sent, `RequestResponse` also what came back. Since this
# log holds everything, it can be asked what any other policy would have made of the same hour:

# %%
log.plot.policies({level: level for level in ("Metadata", "Request", "RequestResponse")});

# %% [markdown]
# (Which half of a recorded pair of bodies is the request has to be estimated: the line says between which bounds.)
#
# What it costs follows, here for a store that takes 0.50 per gigabyte. `cost` is that of a day of such hours, in a small cluster:

# %%
totals = log.what_if("Metadata", price=0.5).totals
totals["megabytes_per_day"] = totals["per_day"] / 1e6
totals[["policy", "events", "bytes", "megabytes_per_day", "cost"]].round(3)

# %% [markdown]
# ## Rules, in order
# A policy is a list of rules. For each request the **first rule that matches** decides; none matches: nothing is recorded. So exceptions come first, and a
# rule for everything comes last.

# %%
POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None                 # heartbeats
  resources: [{group: coordination.k8s.io, resources: [leases]}]
- level: None                 # what people read
  verbs: [get, list, watch]
- level: Metadata             # never the data of secrets
  resources: [{group: "", resources: [secrets, serviceaccounts/token]}]
- level: RequestResponse
  omitManagedFields: true
  resources: [{group: apps}]
- level: Metadata
"""
found = log.what_if(POLICY)
found.rules[["rule", "level", "what", "calls", "events", "bytes", "share"]].round(2)

# %% [markdown]
# Rule 2 is there for secrets, and what rule 1 takes it never sees: that Alice *read* the secret is on record nowhere. Of two rules of which both could match,
# the more special one has to stand above:

# %%
rules = POLICY.partition("rules:\n")
reads, secrets = [f"- level:{part}" for part in rules[2].split("- level:")[2:4]]
BETTER = POLICY.replace(reads + secrets, secrets + reads)
log.plot.policies({"as written": POLICY, "secrets above reads": BETTER})
log.what_if(BETTER).rules[["rule", "level", "what", "calls"]].head(3)

# %% [markdown]
# Some forty calls more, and a question more that can be answered: who has read the password?

# %%
c2 = an_hour(BETTER)
seen = kl.auditlog.read(c2).sensitive(["user", "verb", "target", "name"])
seen[["kind", "role", "user", "verb", "target", "name", "calls", "refused"]].head(6)

# %% [markdown]
# (The administrator's was refused by a 404: `kubectl apply` looks whether there is one already. A kubelet lists and watches each secret that its pods need; below
# stand the controller manager and the API server, which watch them all. The simulated hour is the same under each policy: recording is no part of the world. `c.audit.reload(policy)` changes the policy while the cluster runs.)
#
# ## What a policy makes unanswerable
# Each answer needs some calls, up to some stage, at some level. Green: all of them are kept. This is the price of the small log:

# %%
log.plot.what_if(BETTER);

# %%
lacking = log.what_if(BETTER).answers
lacking[lacking["verdict"].isin(["lost", "in part"])][["answer", "question", "needed", "kept"]].head(8)

# %% [markdown]
# "In part" is the dangerous one: the answer comes, looks like an answer, and is none. Minimal permissions made from a log without reads deny the first `get`.
#
# ## The body trap
# At `RequestResponse` the log holds what the API server was told to keep secret. The password of the shop's database in the full log, as text and as
# Kubernetes stores it:

# %%
import base64
import json

PASSWORD = "correct-horse"
FORMS = (PASSWORD, base64.b64encode(PASSWORD.encode()).decode())


def tells(cluster):
    """The calls whose events contain the password."""
    events = [event for event in cluster.audit_events() if any(form in json.dumps(event) for form in FORMS)]
    return sorted({(e["verb"], e["requestURI"].split("?")[0], e["level"], e["user"]["username"]) for e in events})


tells(c)

# %%
tells(c2)

# %% [markdown]
# It was in bodies: of the one who sent it, of Alice, who read it, of the kubelets, whose pods need it; and `Metadata` for secrets cures that. The one that is left is in the
# *path*: a command run through `kubectl exec` is in the URI of
# its request, and the URI is recorded at every level. Other doors by which secrets enter a log: ConfigMaps and environment variables of pods that hold them, the
# annotation `last-applied-configuration` of a Secret that was applied, tokens in TokenReviews, the answers of custom APIs. Read access to the audit log is read
# access to these.
#
# ## Turn the levels yourself
# A level for each part of the requests; on the right what is left. Which two sliders bring `who` to 100 %, and at what price?

# %%
kl.widget.policy(log)

# %% [markdown]
# ## Exercise: who deleted it?
# Write a policy under which the log of this hour answers "who deleted X", at a tenth of what it takes to record everything at `Metadata`.

# %%
from kubelab.exercises import Exercise

everything = kl.auditlog.read(an_hour("Metadata")).volume()["bytes"].sum()


def deleted(policy, *wanted):
    """Whether a log under the policy tells that these users deleted these things."""
    found = kl.auditlog.read(an_hour(policy)).who(verb=["delete", "deletecollection"])
    return set(wanted) <= set(zip(found["who"], found["resource"]))


who_deleted = Exercise(
    "Write a policy: who deleted it, at a tenth of the volume?",
    {
        "Bob's deletions of the settings and of the deployment are on record": lambda policy: (
            deleted(policy, ("bob", "configmaps"), ("bob", "deployments"))
        ),
        "the robot's deletion of a whole collection is on record": lambda policy: (
            deleted(policy, ("system:serviceaccount:shop:robot", "pods"))
        ),
        "it takes at most a tenth of what everything takes at Metadata": lambda policy: (
            kl.auditlog.read(an_hour(policy)).volume()["bytes"].sum() <= everything / 10
        ),
        "the password is not in it": lambda policy: not tells(an_hour(policy)),
    },
)
who_deleted

# %%
mine = "None"  # a level, or your policy as YAML

# %%
who_deleted.check(mine)

# %% [markdown]
# *Solution (open the cell):* deletions, of one object and of collections, by whomever, once each.

# %% jupyter={"source_hidden": true} tags=["solution"]
solved = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  verbs: [delete, deletecollection]
"""
who_deleted.check(solved)

# %% [markdown]
# And now ask it who deleted the pods of the web server: the kubelets say so first. They, the garbage collector and the ReplicaSet controller carry out what others
# asked for: `log.who("deployment/web", namespace="shop")` is the question behind it.

# %% [markdown]
# ## In a real cluster
#
# | here | there |
# |---|---|
# | `kl.Cluster(audit_policy=…)` | `kube-apiserver --audit-policy-file=/etc/kubernetes/audit/policy.yaml` (kubeadm: in `/etc/kubernetes/manifests/kube-apiserver.yaml`, with the file mounted) |
# | `c.audit.log("audit.log", max_size=100, max_backups=10)` | `--audit-log-path`, `--audit-log-maxsize`, `--audit-log-maxbackup`, `--audit-log-maxage` |
# | `c.audit.webhook(kubeconfig)` | `--audit-webhook-config-file`, `--audit-webhook-batch-max-size` … |
# | `c.audit.reload(policy)` | restart the API server: it reads the policy once |
# | `c.audit.counts()` | `kubectl get --raw /metrics \| grep apiserver_audit` |
# | `kl.auditlog.read("audit.log").what_if(policy)` | the same call, on your log |
#
# What differs: your log lacks what its policy leaves out, and `what_if` says so rather than guess: bodies that it does not hold are not in its bytes. Record an hour at
# `Metadata` first, then decide. Managed services (EKS, GKE, AKS) choose the policy for you and give you the log in their own wrapping; `kl.auditlog.read`
# takes it as it is. A cluster with operators and dashboards reads far more than this one: each has informers of its own, and many poll.
#
# **Next:** `36-audit-log-analysis`, a week of such a log.
