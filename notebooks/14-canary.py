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
# # Canary in stages, judged automatically
#
# **When has a new version proved itself, and who takes it back at three in the morning if it has not?**
#
# A probe sees a version that does not start. It does not see one that answers, and answers one request in ten with an error. Version 1.2 of our shop is such a one; 1.0 and 1.1
# fail one request in two hundred, as shops do. First the careless way: everybody at once.

# %%
import kubelab as kl

kl.programs.register(kl.programs.Web("shop", image="example.com/shop", errors={"1.0": 0.005, "1.1": 0.005, "1.2": 0.1}))
c = kl.Cluster(nodes=4, seed=7)
c.apply("../data/manifests/canary.yaml")
c.run(until="deploy/shop ready").run(until="sts/cart ready").run("10s")


def image(version):
    """A patch that puts a version in the template."""
    return {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": f"example.com/shop:{version}"}]}}}}


careless = c.fork()
careless.patch("deploy/shop", image("1.2"))
careless.run(until="deploy/shop ready").run("10s")
careless.plot.rollout("deploy/shop");

# %% [markdown]
# Never below the promised minimum, all ready, *deployment "shop" successfully rolled out*. And the customers?

# %%
for name, cluster in (("before", c.fork()), ("after", careless)):
    errors = kl.canary.ask(cluster, "http://shop/", 1000)  # curl, a thousand times, from a pod in the cluster
    print(f"{name}: {errors} of 1000 requests failed")

# %% [markdown]
# ## One pod in ten
# A **canary**: a second Deployment with the new version beside the stable one, and one Service in front of both (`selector: app: shop`). The share of pods is the share of requests. A second
# Service, `shop-canary`, is for asking the canary alone.

# %%
def share(tenths, version):
    """A stage: so many tenths of the pods are canaries of this version."""

    def move(cluster):
        cluster.patch("deploy/shop-canary", image(version))
        cluster.scale("deploy/shop-canary", tenths)
        cluster.scale("deploy/shop", 10 - tenths)
        cluster.run(until="deploy/shop-canary ready").run("2s")

    return move


def back(cluster):
    cluster.scale("deploy/shop-canary", 0)
    cluster.scale("deploy/shop", 10)


def ask_canary(cluster, requests):
    return kl.canary.ask(cluster, "http://shop-canary/", requests)


one = c.fork()
share(1, "1.2")(one)
print(f"of the canary {ask_canary(one, 100)} of 100 requests failed")
print(f"of everybody {kl.canary.ask(one, 'http://shop/', 1000)} of 1000")

# %% [markdown]
# The customers see a tenth of the harm. How long must we look, and at how many errors do we stop? One error in twenty requests is 5 %, and may be bad luck; an hour of waiting
# to be sure is an hour of errors.
#
# ## A judge
# `kl.canary.Judge` is a *sequential* test (Wald, 1945). It is told which error rate is good, and which is bad, and after each look it weighs: how much likelier is what I saw if the version is
# bad? Enough against it: roll back. Enough for it: go on. Else: ask more.

# %%
judge = kl.canary.Judge(good=0.01, bad=0.05, false_alarm=0.05, missed=0.05)
for requests, errors in ((20, 0), (20, 1), (20, 3), (100, 0), (100, 2)):
    print(f"{errors} of {requests}: {judge.verdict(requests, errors) or 'ask more'}")

# %% [markdown]
# With it, a release in three stages needs nobody to watch. Each stage lasts until the judge has made up its mind:

# %%
def release(cluster, version, judge=judge):
    stages = [(f"{tenths}0 %", share(tenths, version)) for tenths in (1, 3, 5)]
    return kl.canary.release(cluster, stages, back, ask_canary, judge=judge, requests=10)


good = c.fork()
result = release(good, "1.1")
print(result)
result.plot();

# %% [markdown]
# A curve that falls into the green promotes, one that climbs into the red rolls back. An error is a jump up, ten requests that went well a step down. Now the bad one:

# %%
bad = c.fork()
result = release(bad, "1.2")
print(result)
result.plot();

# %% [markdown]
# Three of the first ten requests failed: that was enough, and one pod in ten was all that it cost. After a promotion the rest follows: the stable Deployment gets the new image, the canary goes.

# %%
good.patch("deploy/shop", image("1.1"))
good.run(until="deploy/shop ready")
back(good)
good.run(until="deploy/shop ready").run("5s")
print(good.rollout("deploy/shop").status())
print(kl.canary.ask(good, "http://shop/", 1000), "of 1000 requests failed")

# %% [markdown]
# ## How often does it cry wolf?
# A rule of thumb, "roll back at more than 2 % errors", looked at every five seconds, has no such number that anybody knows. The judge states one: `false_alarm=0.05`. A thousand releases of a version that is exactly as good as
# promised, and a thousand of one that is exactly as bad:

# %%
import random
import pandas as pd


def often(rate, verdict_of, looks=400, releases=1000):
    """Shares of releases that are rolled back, and the mean number of requests, if 10 are sent between two looks."""
    chance, rolled_back, total = random.Random(1), 0, 0
    for _ in range(releases):
        requests = errors = 0
        for _ in range(looks):
            requests += 10
            errors += sum(chance.random() < rate for _ in range(10))
            if verdict := verdict_of(requests, errors):
                break
        rolled_back += verdict == "roll back"
        total += requests
    return rolled_back / releases, total / releases


def thumb(requests, errors):
    return "roll back" if errors > 0.02 * requests else "promote" if requests >= 400 else ""


rates = [0.005, 0.01, 0.02, 0.03, 0.05, 0.1]
found = [(rate, *often(rate, judge.verdict), *often(rate, thumb)) for rate in rates]
columns = ["error rate", "judge: rolled back", "judge: requests", "thumb: rolled back", "thumb: requests"]
table = pd.DataFrame(found, columns=columns).set_index("error rate")
table

# %%
import matplotlib.pyplot as plt
from kubelab.plot import style

plt.style.use(style.SHEET)
figure, ax = plt.subplots(figsize=(8, 3.4))
for column, colour in (("judge: rolled back", style.BLUE), ("thumb: rolled back", style.BAD)):
    ax.plot(table.index * 100, table[column] * 100, marker="o", color=colour)
    ax.text(3.1, table[column][0.03] * 100 - 8, column.partition(":")[0], color=colour)
ax.axhline(judge.false_alarm * 100, color=style.BLACK, linestyle="--", linewidth=1)
ax.set(xlabel="true error rate of the new version, %", ylabel="releases rolled back, %", ylim=(-3, 105))
thumb_at_1, judge_at_1 = table.loc[0.01, ["thumb: rolled back", "judge: rolled back"]]
told = f"At 1 % errors the rule of thumb takes back {thumb_at_1:.0%} of good releases"
ax.set_title(f"{told},\nthe judge {judge_at_1:.1%} (stated: at most {judge.false_alarm:.0%})");

# %% [markdown]
# The rule of thumb looks forty times, and each look is a new chance to be unlucky. The judge's bound holds *however often it is looked at*; that is what it is made for. Between `good` and `bad` it
# may go either way, and needs the most requests: a version that is worse, but not much, is hard to tell. With several stages `release` divides `false_alarm` among them, so that it
# holds for the whole release.
#
# ## The same with a StatefulSet
# A StatefulSet needs no second object: `partition` is the fence. Pods from that ordinal on get the new revision; the highest is the canary.

# %%
def fence(ordinal, version):
    def move(cluster):
        cluster.patch("sts/cart", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": ordinal}}}})
        cluster.patch("sts/cart", image(version))
        cluster.run(until="sts/cart ready").run("2s")

    return move


def ask_newest(cluster, requests):
    return kl.canary.ask(cluster, "http://cart-4.cart/", requests)


def undo(cluster):
    cluster.rollout("sts/cart").undo()
    cluster.run(until="sts/cart ready")


def release_cart(cluster, version):
    stages = [("cart-4", fence(4, version)), ("cart-2 … 4", fence(2, version)), ("all", fence(0, version))]
    return kl.canary.release(cluster, stages, undo, ask_newest, judge=judge, requests=10)


cart = c.fork()
print(release_cart(cart, "1.1"))
print(release_cart(cart, "1.2"))
cart.run("5s").plot.rollout("sts/cart");

# %% [markdown]
# 1.1 went through three stages; 1.2 came as far as one pod, and went. `undo` with the fence still at 4 touches only what stands behind it.
#
# ## Turn the knobs yourself
# `partition` by hand: press *New revision*, play, and lower the fence step by step, in A carefully, in B at once.

# %%
kl.widget.rollout(c, "sts/cart")

# %% [markdown]
# ## Exercise 1: a cautious judge
# Payment must not fail: 2 % of errors are bad, 0.5 % good, and a bad version may slip through once in a hundred times. How many requests without a single error does a stage need before it goes on?

# %%
from kubelab.exercises import Exercise

patience = Exercise(
    "Give the least number of requests, all of which went well, at which the cautious judge promotes.",
    {
        "at so many it promotes": lambda n: kl.canary.Judge(0.005, 0.02, 0.05, 0.01).verdict(n, 0) == "promote",
        "at one fewer it does not yet": lambda n: not kl.canary.Judge(0.005, 0.02, 0.05, 0.01).verdict(n - 1, 0),
    },
)
patience

# %%
mine = 100

# %%
patience.check(mine)

# %% [markdown]
# *Solution (open the cell):*

# %% jupyter={"source_hidden": true} tags=["solution"]
cautious = kl.canary.Judge(good=0.005, bad=0.02, false_alarm=0.05, missed=0.01)
solved = next(n for n in range(1, 10_000) if cautious.verdict(n, 0) == "promote")
patience.check(solved)

# %% [markdown]
# ## Exercise 2: 1.1 for the cart, by hand
# Bring version 1.1 to `cart-3` and `cart-4`, and to no other.

# %%
def version(c, ordinal):
    return c[f"pod/cart-{ordinal}"]["spec"]["containers"][0]["image"].partition(":")[2]


half = Exercise(
    "Run shop:1.1 on cart-3 and cart-4 only.",
    {
        "cart-3 and cart-4 run 1.1": lambda c: version(c, 3) == version(c, 4) == "1.1",
        "the others run 1.0, and it stays so": lambda c: {version(c.run("5m"), n) for n in range(3)} == {"1.0"},
        "all five are ready": lambda c: c["sts/cart"]["status"]["readyReplicas"] == 5,
    },
)
half

# %%
mine = c.fork()
# your lines here

# %%
half.check(mine)

# %% [markdown]
# *Solution (open the cell):*

# %% jupyter={"source_hidden": true} tags=["solution"]
solved = c.fork()
fence(3, "1.1")(solved)
half.check(solved)

# %% [markdown]
# ## In a real cluster
#
# | here | there |
# |---|---|
# | `share(1, "1.1")` | `kubectl set image deploy/shop-canary web=…:1.1`, `kubectl scale deploy/shop-canary --replicas=1`, `kubectl scale deploy/shop --replicas=9` |
# | `fence(4, "1.1")` | `kubectl patch sts cart -p '{"spec":{"updateStrategy":{"rollingUpdate":{"partition":4}}}}'`, `kubectl set image sts/cart web=…:1.1` |
# | `kl.canary.ask(c, url, 100)` | `kubectl exec client -- curl …`; in earnest, a query to Prometheus: errors and requests of the canary's pods |
# | `kl.canary.release(…)` | a controller such as Argo Rollouts or Flagger, whose analysis asks the metrics |
# | `kl.canary.Judge(…)` | most tools compare with a fixed threshold, as the rule of thumb above |
#
# What differs: requests here are made for the question; there they are your users', few at night, and their errors come in bursts, which are not the independent coin throws that every such test takes
# them for. Give the judge longer intervals then, and compare with the stable version at the same time. What the controllers do is what they do there.
#
# **Next:** `35-audit-policy`, what is recorded of all this, and at which cost.
