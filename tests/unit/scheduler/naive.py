"""The default profile written down plainly: every pod of every node is looked at for every question. What the fast scheduler must equal.

upstream: pkg/scheduler/framework/plugins/{tainttoleration,nodeaffinity,noderesources,podtopologyspread,interpodaffinity}, 1.28.
"""

from __future__ import annotations

import math

from kubelab.kinds.quantity import milli, value
from kubelab.kinds.selectors import matches_selector


def request(pod, key, default=0):
    total = 0
    for container in pod["spec"]["containers"]:
        requests = container["resources"].get("requests", {})
        if key in requests:
            total += milli(requests[key]) if key == "cpu" else value(requests[key])
        else:
            total += default
    return total


def totals(pod, nodes, pods, sets):
    """{node: total score} of the nodes that fit, all nodes taken into account; {node: (plug-in, reasons)} of the others."""
    on = {node["metadata"]["name"]: [each for each in pods if each["spec"].get("nodeName") == node["metadata"]["name"]] for node in nodes}
    refused, fitting = {}, []
    for node in nodes:
        name = node["metadata"]["name"]
        answer = first_refusal(pod, node, nodes, on)
        if answer:
            refused[name] = answer
        else:
            fitting.append(node)
    if not fitting:
        return {}, refused
    parts = [
        (3, taints(pod, fitting)),
        (2, preferred_nodes(pod, fitting)),
        (1, [least_allocated(pod, node, on) for node in fitting]),
        (1, [balanced(pod, node, on) for node in fitting]),
        (2, spread(pod, fitting, nodes, on, sets)),
        (2, affinity(pod, fitting, nodes, on)),
    ]
    return {node["metadata"]["name"]: sum(weight * column[at] for weight, column in parts) for at, node in enumerate(fitting)}, refused


def first_refusal(pod, node, nodes, on):
    spec, name, labels = pod["spec"], node["metadata"]["name"], node["metadata"]["labels"]
    if node["spec"].get("unschedulable"):
        return "NodeUnschedulable", ("node(s) were unschedulable",)
    for taint in node["spec"].get("taints", ()):
        if taint["effect"] != "PreferNoSchedule" and not tolerated(pod, taint):
            return "TaintToleration", (f"node(s) had untolerated taint {{{taint['key']}: {taint['value']}}}",)
    if any(labels.get(key) != text for key, text in spec.get("nodeSelector", {}).items()):
        return "NodeAffinity", ("node(s) didn't match Pod's node affinity/selector",)
    reasons = []
    if len(on[name]) + 1 > int(node["status"]["allocatable"]["pods"]):
        reasons.append("Too many pods")
    for key in ("cpu", "memory"):
        has = milli(node["status"]["allocatable"][key]) if key == "cpu" else value(node["status"]["allocatable"][key])
        wanted = request(pod, key)
        if wanted and wanted > has - sum(request(each, key) for each in on[name]):
            reasons.append(f"Insufficient {key}")
    if reasons:
        return "NodeResourcesFit", tuple(reasons)
    return refused_by_spread(pod, node, nodes, on) or refused_by_affinity(pod, node, nodes, on)


def tolerated(pod, taint):
    return any(
        each["key"] == taint["key"] and each.get("effect", taint["effect"]) == taint["effect"]
        for each in pod["spec"].get("tolerations", ())
    )


def alive(pods, namespace):
    return [each for each in pods if not each["metadata"].get("deletionTimestamp") and each["metadata"]["namespace"] == namespace]


def refused_by_spread(pod, node, nodes, on):
    hard = [each for each in pod["spec"].get("topologySpreadConstraints", ()) if each["whenUnsatisfiable"] == "DoNotSchedule"]
    for each in hard:
        key, labels = each["topologyKey"], node["metadata"]["labels"]
        if key not in labels:
            return "PodTopologySpread", ("node(s) didn't match pod topology spread constraints (missing required label)",)
        counts = {}
        for other in nodes:
            there = other["metadata"]["labels"]
            if any(constraint["topologyKey"] not in there for constraint in hard) or not selected(pod, there):
                continue
            matching = [
                one for one in alive(on[other["metadata"]["name"]], pod["metadata"]["namespace"]) if matches(each["labelSelector"], one)
            ]
            counts[there[key]] = counts.get(there[key], 0) + len(matching)
        if counts and counts.get(labels[key], 0) + matches(each["labelSelector"], pod) - min(counts.values()) > each["maxSkew"]:
            return "PodTopologySpread", ("node(s) didn't match pod topology spread constraints",)
    return None


def selected(pod, labels):
    return all(labels.get(key) == text for key, text in pod["spec"].get("nodeSelector", {}).items())


def matches(selector, pod):
    return matches_selector(selector, pod["metadata"]["labels"])


def terms(pod, kind, when):
    return pod["spec"].get("affinity", {}).get(kind, {}).get(f"{when}DuringSchedulingIgnoredDuringExecution", [])


def means(term, owner, pod):
    return pod["metadata"]["namespace"] == owner["metadata"]["namespace"] and matches(term["labelSelector"], pod)


def same_place(term, node, nodes, on, test):
    """Whether some pod on a node of the same topology passes the test."""
    here = node["metadata"]["labels"].get(term["topologyKey"])
    return here is not None and any(
        test(each)
        for other in nodes
        if other["metadata"]["labels"].get(term["topologyKey"]) == here
        for each in on[other["metadata"]["name"]]
    )


def refused_by_affinity(pod, node, nodes, on):
    near, apart = terms(pod, "podAffinity", "required"), terms(pod, "podAntiAffinity", "required")
    if near:

        def all_match(each):
            return all(means(term, pod, each) for term in near)

        if any(term["topologyKey"] not in node["metadata"]["labels"] for term in near):
            return "InterPodAffinity", ("node(s) didn't match pod affinity rules",)
        counted = any(
            all_match(each)
            for other in nodes
            for each in on[other["metadata"]["name"]]
            if any(term["topologyKey"] in other["metadata"]["labels"] for term in near)
        )
        starts = not counted and all_match(pod)
        if not starts and not all(same_place(term, node, nodes, on, all_match) for term in near):
            return "InterPodAffinity", ("node(s) didn't match pod affinity rules",)
    for term in apart:
        if same_place(term, node, nodes, on, lambda each, term=term: means(term, pod, each)):
            return "InterPodAffinity", ("node(s) didn't match pod anti-affinity rules",)
    for other in nodes:
        for each in on[other["metadata"]["name"]]:
            for term in terms(each, "podAntiAffinity", "required"):
                key = term["topologyKey"]
                there, here = other["metadata"]["labels"].get(key), node["metadata"]["labels"].get(key)
                if there is not None and there == here and means(term, each, pod):
                    return "InterPodAffinity", ("node(s) didn't satisfy existing pods anti-affinity rules",)
    return None


def taints(pod, nodes):
    raw = [
        sum(each["effect"] == "PreferNoSchedule" and not tolerated(pod, each) for each in node["spec"].get("taints", ())) for node in nodes
    ]
    return [100 - 100 * each // max(raw) if max(raw) else 100 for each in raw]


def preferred_nodes(pod, nodes):
    raw = []
    for node in nodes:
        total = 0
        for term in terms(pod, "nodeAffinity", "preferred"):
            [expression] = term["preference"]["matchExpressions"]
            total += term["weight"] * (node["metadata"]["labels"].get(expression["key"]) in expression["values"])
        raw.append(total)
    return [100 * each // max(raw) if max(raw) else 0 for each in raw]


def shares(pod, node, on, *, counted):
    out = []
    for key, default in (("cpu", 100), ("memory", 200 * 1024 * 1024)):
        has = milli(node["status"]["allocatable"][key]) if key == "cpu" else value(node["status"]["allocatable"][key])
        used = sum(request(each, key, default if counted else 0) for each in [pod, *on[node["metadata"]["name"]]])
        out.append((used, has))
    return out


def least_allocated(pod, node, on):
    return sum((has - used) * 100 // has if used <= has else 0 for used, has in shares(pod, node, on, counted=True)) // 2


def balanced(pod, node, on):
    one, other = (min(used / has, 1) for used, has in shares(pod, node, on, counted=False))
    return int((1 - abs((one - other) / 2)) * 100)


def spread(pod, fitting, nodes, on, sets):
    own = "topologySpreadConstraints" in pod["spec"]
    soft = [each for each in pod["spec"].get("topologySpreadConstraints", ()) if each["whenUnsatisfiable"] == "ScheduleAnyway"]
    if not own:
        owner = (pod["metadata"].get("ownerReferences") or [{}])[0].get("name")
        selector = next((each["spec"]["selector"] for each in sets if each["metadata"]["name"] == owner), None)
        keys = (("kubernetes.io/hostname", 3), ("topology.kubernetes.io/zone", 5))
        soft = [{"topologyKey": key, "maxSkew": skew, "labelSelector": selector} for key, skew in keys] if selector else []
    if not soft:
        return [0] * len(fitting)

    def complete(node):
        return not own or all(each["topologyKey"] in node["metadata"]["labels"] for each in soft)

    counted = [node for node in fitting if complete(node)]
    raw = []
    for node in fitting:
        if not complete(node):
            raw.append(None)
            continue
        total = 0.0
        for each in soft:
            key, labels = each["topologyKey"], node["metadata"]["labels"]
            if key not in labels:
                continue
            domains = (
                len(counted) if key == "kubernetes.io/hostname" else len({other["metadata"]["labels"].get(key, "") for other in counted})
            )
            if key == "kubernetes.io/hostname":
                there = [node]
            else:
                there = [
                    other
                    for other in nodes
                    if complete(other)
                    and other["metadata"]["labels"].get(key) == labels[key]
                    and selected(pod, other["metadata"]["labels"])
                ]
            pods = [one for other in there for one in alive(on[other["metadata"]["name"]], pod["metadata"]["namespace"])]
            total += sum(matches(each["labelSelector"], one) for one in pods) * math.log(domains + 2) + each["maxSkew"] - 1
        raw.append(math.floor(total + 0.5))
    present = [each for each in raw if each is not None]
    if not present or not max(present):
        return [100 if each is not None else 0 for each in raw]
    return [0 if each is None else 100 * (max(present) + min(present) - each) // max(present) for each in raw]


def affinity(pod, fitting, nodes, on):
    sums = {}

    def add(term, weight, node):
        value_ = node["metadata"]["labels"].get(term["topologyKey"])
        if value_ is not None:
            sums[(term["topologyKey"], value_)] = sums.get((term["topologyKey"], value_), 0) + weight

    for node in nodes:
        for each in on[node["metadata"]["name"]]:
            for kind, sign in (("podAffinity", 1), ("podAntiAffinity", -1)):
                for one in terms(pod, kind, "preferred"):
                    if means(one["podAffinityTerm"], pod, each):
                        add(one["podAffinityTerm"], sign * one["weight"], node)
                for one in terms(each, kind, "preferred"):
                    if means(one["podAffinityTerm"], each, pod):
                        add(one["podAffinityTerm"], sign * one["weight"], node)
            for one in terms(each, "podAffinity", "required"):
                if means(one, each, pod):
                    add(one, 1, node)
    raw = [sum(sums.get(label, 0) for label in node["metadata"]["labels"].items()) for node in fitting]
    span = max(raw) - min(raw)
    return [int(100 * ((each - min(raw)) / span)) if span else 0 for each in raw]
