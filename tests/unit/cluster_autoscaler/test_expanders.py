"""Expanders on upstream's rows.

upstream: cluster-autoscaler/expander/{waste/waste_test.go,mostpods,leastnodes,price/price_test.go,price/preferred_test.go,
priority/priority_test.go}, 1.28.
"""

from __future__ import annotations

import pytest

from kubelab.cluster.autoscaler.expander import Option, Situation, by_priority, choose, least_waste, parse_priorities, price_score
from kubelab.cluster.autoscaler.pools import read

MIB = 1024 * 1024


def pods(count, cpu, memory):
    request = {"cpu": f"{cpu}m", "memory": str(memory)}
    return tuple({"metadata": {"name": f"p{at}"}, "spec": {"containers": [{"resources": {"requests": request}}]}} for at in range(count))


def situation(pools, priorities=None, size=3):
    return Situation({name: pool.node(name, 0, 0) for name, pool in pools.items()}, size, priorities)


def pools(**given):
    return read({name.replace("_", "-"): fields for name, fields in given.items()})


def test_least_waste():
    """upstream: waste_test.go TestLeastWaste: balanced, then one of high memory, then one of high cpu."""
    made = pools(
        balanced={"cpu": "16", "memory": f"{16 * 1024 * MIB}"},
        highmem={"cpu": "16", "memory": f"{32 * 1024 * MIB}"},
        highcpu={"cpu": "32", "memory": f"{16 * 1024 * MIB}"},
    )
    wanted = pods(1, 100, 1000 * MIB)
    options = [Option(made[name], 1, wanted) for name in ("balanced", "highmem", "highcpu")]
    assert [each.pool.name for each in least_waste(options, situation(made))] == ["balanced"]
    memory = pods(1, 16000, 30 * 1024 * MIB)
    assert [
        each.pool.name for each in least_waste([Option(made["highmem"], 1, memory), Option(made["balanced"], 2, memory)], situation(made))
    ] == ["highmem"]


def test_most_pods_and_least_nodes():
    made = pools(a={"cpu": 4}, b={"cpu": 4})
    options = [Option(made["a"], 1, pods(2, 1, 1)), Option(made["b"], 3, pods(5, 1, 1))]
    assert choose(options, "most-pods", situation(made), 0).option.pool.name == "b"
    assert choose(options, "least-nodes", situation(made), 0).option.pool.name == "a"


def test_of_equal_options_one_is_drawn():
    made = pools(a={"cpu": 4}, b={"cpu": 4})
    options = [Option(made[name], 1, pods(1, 100, MIB)) for name in ("a", "b")]
    assert [choose(options, "random", situation(made), draw).option.pool.name for draw in (0, 2**63)] == ["a", "b"]
    assert [choose(options, "least-waste", situation(made), draw).option.pool.name for draw in (0, 2**63)] == ["a", "b"]
    assert choose([], "random", situation(made), 0).option is None


# upstream: price_test.go TestPriceExpander: of each group (price of a node, nodes, worth of its pods, milli cpu); the preferred node; the best
PRICES = [
    ("the first is cheaper", (20, 2, 30, 1000), (200, 1, 30, 4000), 2000, 0),
    ("the first is cheaper, but the second is preferred", (50, 2, 30, 1000), (200, 1, 30, 4000), 4000, 1),
    ("the second is preferred, but it takes lots of nodes", (20, 80, 30, 1000), (200, 40, 30, 4000), 4000, 0),
    ("the second is cheaper", (200, 80, 30, 1000), (100, 40, 30, 4000), 2000, 1),
    ("as expensive, but the second takes both pods", (200, 2, 20, 1000), (200, 1, 30, 4000), 2000, 1),
]


@pytest.mark.parametrize(("name", "first", "second", "preferred", "best"), PRICES, ids=[row[0] for row in PRICES])
def test_price(name, first, second, preferred, best):
    scores = [price_score(price, nodes, worth, 10, preferred, has) for price, nodes, worth, has in (first, second)]
    assert scores.index(min(scores)) == best


def test_the_price_expander_takes_the_cheaper_pool():
    made = pools(cheap={"cpu": 4, "price": 0.1}, dear={"cpu": 4, "price": 0.3})
    options = [Option(made[name], 1, pods(2, 500, 1000 * MIB)) for name in ("dear", "cheap")]
    assert choose(options, "price", situation(made), 2**63).option.pool.name == "cheap"


CONFIG = "5:\n  - .*t2\\.micro.*\n10:\n  - .*t2\\.large.*\n50:\n  - .*m4\\.4xlarge.*\n"


def options_of(*names):
    made = read({"base": {"cpu": 4}})["base"]
    return [Option(made._replace(name=name), 1, ()) for name in names]


# upstream: priority_test.go: groups, the best, events
PRIORITIES = [
    (CONFIG, ["my-asg.t2.large"], ["my-asg.t2.large"], []),
    (CONFIG, ["my-asg.m4.4xlarge", "my-asg.t2.large"], ["my-asg.m4.4xlarge"], []),
    (CONFIG, ["my-asg.t2.large", "my-asg.t2.micro"], ["my-asg.t2.large"], []),
    (CONFIG, ["my-asg.t3.small", "my-asg.t2.micro"], ["my-asg.t2.micro"], ["PriorityConfigMapNotMatchedGroup"]),
    (CONFIG, ["my-asg.t3.small"], ["my-asg.t3.small"], ["PriorityConfigMapNotMatchedGroup", "PriorityConfigMapNoGroupMatched"]),
    ("there is no valid yaml here", ["my-asg.t2.large", "b"], ["my-asg.t2.large", "b"], ["PriorityConfigMapInvalid"]),
    (None, ["my-asg.t2.large", "b"], ["my-asg.t2.large", "b"], []),
]


@pytest.mark.parametrize(("text", "names", "best", "reasons"), PRIORITIES, ids=range(len(PRIORITIES)))
def test_priority(text, names, best, reasons):
    left, said = by_priority(options_of(*names), text)
    assert [each.pool.name for each in left] == best
    assert [reason for reason, _ in said] == reasons


def test_what_is_wrong_with_priorities():
    with pytest.raises(ValueError, match="configmap is empty; please provide valid configuration"):
        parse_priorities("")
    with pytest.raises(ValueError, match="Can't compile regexp rule for priority 10 and rule \\*"):
        parse_priorities("10: ['*']")
