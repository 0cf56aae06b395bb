"""What another policy would have recorded of this log, cost, and made unanswerable; and the volume of each rule of a policy.

Spec: audit.md B5: a policy sees the verb, the authenticated user and what the URL says (so a create's name, which comes from its body, is
taken away). The decisions are those of ``kubelab.apiserver.audit.checker``, the same that the lab's own API server takes. What this log's
own policy left out cannot be judged by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from kubelab.apiserver.audit.checker import Attributes, Decision, Sight, evaluate, sight
from kubelab.apiserver.audit.policy import AuditPolicy, AuditRule, load
from kubelab.auditlog.answers.asking import CALLS_MORE, Log, span, tidy
from kubelab.auditlog.answers.needs import ANY, LEVELS, NEEDS
from kubelab.auditlog.answers.pricing import ANSWERS, BODIES, PRICED, SENDS, SIZES, STAGES

#: The share of a call's bodies that its request is, where the log has both and does not tell one from the other. It may be any: see ``bytes_low``.
REQUEST_SHARE = {"create": 0.5, "update": 0.5, "patch": 0.1, "delete": 0.1, "deletecollection": 0.01}
DAY = 86400.0
_EVENTS = "(1 + length(stages) - length(replace(stages, ',', '')))"


@dataclass(frozen=True, slots=True)
class WhatIf:
    """``totals``: this log and the other policy side by side; ``rules``: what each rule records; ``answers``: what can still be answered;
    ``unpriced``: calls whose bodies the policy wants and the log lacks."""

    totals: pd.DataFrame
    rules: pd.DataFrame
    answers: pd.DataFrame
    unpriced: pd.DataFrame

    @property
    def unanswerable(self) -> list[str]:
        """The answers that nothing would be left of."""
        return list(self.answers.loc[self.answers["verdict"] == "lost", "answer"])

    def __repr__(self) -> str:
        now, then = self.totals.iloc[0], self.totals.iloc[1]
        words = f"{then['events']:,} events instead of {now['events']:,}, {then['bytes']:,} bytes instead of {now['bytes']:,}"
        without = f"; the bodies of {int(then['unpriced']):,} calls are not in this log and not in these bytes" if then["unpriced"] else ""
        lost = f"; no answer to {', '.join(self.unanswerable)}" if self.unanswerable else ""
        return f"<WhatIf: {words}{without}{lost}>"

    def _repr_html_(self) -> str:
        parts = (("", self.totals), ("Rules", self.rules), ("Answers", self.answers), ("Bodies that the log lacks", self.unpriced))
        return "".join((f"<h4>{title}</h4>" if title else "") + frame.to_html(index=False) for title, frame in parts if len(frame))


def what_if(log: Log, policy: Any, *, price: float | None = None, release: str = "1.28") -> WhatIf:
    """What ``policy`` (a file, YAML text, a dict, or a level) would have made of the calls of this log; ``price`` is of a gigabyte stored.

    ``totals``: ``policy``, ``calls``, ``events``, ``bytes``, ``bytes_low``, ``bytes_high`` (where request and response cannot be told
    apart), ``per_day`` (bytes), ``cost`` (of a day), ``unpriced``. ``rules``: as ``volume``. ``answers``: ``answer``, ``question``,
    ``needed`` (calls of this log), ``kept``, ``verdict`` (whole, in part, lost, nothing to answer), ``why``. Raises ``PolicyError`` in
    upstream's words for a policy that will not do.
    """
    chosen = load(policy).policy
    groups = _judged(_groups(log, sight(chosen)), chosen, release)
    rules = _rules(groups, chosen)
    then = {
        "policy": "this one",
        **{name: int(groups[name].sum()) for name in ("recorded", "events_then", "bytes_then", "low", "high", "unpriced")},
    }
    now = {"policy": "as recorded", **{name: int(groups[name].sum()) for name in ("calls", "events", "bytes")}}
    return WhatIf(_totals(now, then, span(log)[2], price), rules, _answers(groups), _unpriced(groups))


def volume(log: Log, policy: Any = None, *, release: str = "1.28") -> pd.DataFrame:
    """What each rule of a policy records of this log; without a policy, what the log holds by level, verb and resource.

    Columns with a policy: ``rule`` (index, -1: none matched), ``level``, ``what`` (the rule in words), ``calls``, ``events``, ``bytes``,
    ``bytes_low``, ``bytes_high``, ``share`` (of the bytes), ``unpriced`` (calls whose bodies the log lacks). Without: ``level``, ``verb``,
    ``target``, ``calls``, ``events``, ``bytes``, ``share``, ``per_event`` (bytes).
    """
    if policy is None:
        frame = log.sql(f"""
            SELECT level, verb, target, count(*) AS calls, sum({_EVENTS})::BIGINT AS events, coalesce(sum(bytes), 0)::BIGINT AS bytes,
              coalesce(sum(bytes), 0) / greatest(sum(coalesce(sum(bytes), 0)) OVER (), 1)::DOUBLE AS share,
              coalesce(sum(bytes), 0) / greatest(sum({_EVENTS}), 1)::DOUBLE AS per_event
            FROM {CALLS_MORE} GROUP BY level, verb, target ORDER BY bytes DESC, level, verb, target""")
        return tidy(frame)
    chosen = load(policy).policy
    return _rules(_judged(_groups(log, sight(chosen)), chosen, release), chosen)


def _groups(log: Log, seen: Sight) -> pd.DataFrame:
    """Calls that no rule can tell apart, as one row each: what they are, and what they weigh stage by stage."""
    keys = {
        "username": "username" if seen.users else "CASE WHEN username IS NULL THEN NULL ELSE '' END",
        "groups": "groups" if seen.users else "[]::VARCHAR[]",
        "verb": "verb",
        "resource": "coalesce(resource, '')",
        "api_group": "coalesce(api_group, '')",
        "subresource": "coalesce(subresource, '')",
        "namespace": "split_part(split_part(path, '/namespaces/', 2), '/', 1)" if seen.namespaces else "''",
        "name": "CASE WHEN verb IN ('create', 'deletecollection') AND coalesce(subresource, '') = '' THEN '' ELSE coalesce(name, '') END"
        if seen.names
        else "''",
        "path": "CASE WHEN resource IS NULL THEN path ELSE '' END" if seen.paths else "''",
        "level": "level",
        "has_request": "coalesce(has_request, false)",
        "has_response": "coalesce(has_response, false)",
        "sends": SENDS,
        "answers": ANSWERS,
    }
    sums = [f"count(*) FILTER (WHERE {condition}) AS n_{stage}" for stage, condition in STAGES.items()]
    sums += [f"coalesce(sum({SIZES[stage]}) FILTER (WHERE {condition}), 0)::BIGINT AS size_{stage}" for stage, condition in STAGES.items()]
    sums += [f"count(*) FILTER (WHERE {need.calls}) AS need_{at}" for at, need in enumerate(NEEDS.values())]
    named = ", ".join(f'{text} AS "k_{name}"' for name, text in keys.items())
    return log.sql(f"""
        SELECT {named}, count(*) AS calls, coalesce(sum({_EVENTS}), 0)::BIGINT AS events, coalesce(sum(bytes), 0)::BIGINT AS bytes,
          coalesce(sum({BODIES}), 0)::BIGINT AS bodies, {", ".join(sums)}
        FROM {PRICED} GROUP BY ALL ORDER BY ALL""")


def _judged(groups: pd.DataFrame, policy: AuditPolicy, release: str) -> pd.DataFrame:
    """The groups with the policy's decision on each, and what would be recorded under it."""
    decisions: dict[Attributes, Decision] = {}
    rows = []
    for row in groups.to_dict("records"):
        nobody = not isinstance(row["k_username"], str)
        members = () if nobody or row["k_groups"] is None else tuple(row["k_groups"])
        what = (row[f"k_{name}"] for name in ("verb", "namespace", "api_group", "resource", "subresource", "name", "path"))
        attributes = Attributes(None if nobody else row["k_username"], members, *what)
        decision = decisions.get(attributes)
        if decision is None:
            decision = decisions[attributes] = evaluate(policy, attributes, release=release)
        rows.append(_recorded(row, decision))
    names = ["rule", "level_then", "recorded", "ended", "events_then", "bytes_then", "low", "high", "unpriced"]
    return pd.concat([groups, pd.DataFrame(rows, columns=names, index=groups.index)], axis=1)


def _recorded(row: dict[str, Any], decision: Decision) -> tuple[Any, ...]:
    """Rule, level, calls with an event at all, calls whose end is recorded, events, bytes, their bounds, and calls whose bodies cannot be
    priced."""
    if decision.level == "None":
        return decision.rule, "None", 0, 0, 0, 0, 0, 0, 0
    kept = [stage for stage in STAGES if stage not in decision.omit_stages]
    events = sum(row[f"n_{stage}"] for stage in kept)
    bytes_ = sum(row[f"size_{stage}"] for stage in kept) + events * (len(decision.level) - len("Metadata"))
    ends = [stage for stage in ("ResponseComplete", "Panic") if stage in kept]
    ended = sum(row[f"n_{stage}"] for stage in ends) + (row["n_ResponseStarted"] - _overlap(row) if "ResponseStarted" in kept else 0)
    recorded = row["calls"] if "RequestReceived" in kept else min(row["calls"], ended)
    if not ends or decision.level == "Metadata":
        return decision.rule, decision.level, recorded, ended, events, bytes_, bytes_, bytes_, 0
    low, likely, high, unpriced = _bodies(row, decision.level)
    return decision.rule, decision.level, recorded, ended, events, bytes_ + likely, bytes_ + low, bytes_ + high, unpriced


def _overlap(row: dict[str, Any]) -> int:
    """Calls of this group that have both ResponseStarted and an end."""
    both = row["n_ResponseStarted"] + row["n_ResponseComplete"] + row["n_Panic"] - row["calls"]
    return max(0, min(both, row["n_ResponseStarted"]))


def _bodies(row: dict[str, Any], level: str) -> tuple[int, int, int, int]:
    """The least, the likely and the most bytes of the bodies that a level adds, and how many calls' bodies are unknown."""
    size, had = row["bodies"], row["k_level"]
    if level == "RequestResponse":
        missing = (row["k_sends"] or row["k_answers"]) and had == "Metadata" or row["k_answers"] and had == "Request"
        return size, size, size, row["calls"] if missing else 0
    if had == "Metadata":
        return 0, 0, 0, row["calls"] if row["k_sends"] else 0
    if not row["k_has_request"]:
        return 0, 0, 0, 0
    if not row["k_has_response"]:
        return size, size, size, 0
    return 0, int(size * REQUEST_SHARE.get(row["k_verb"], 0.5)), size, 0


def _totals(now: dict[str, Any], then: dict[str, Any], length: float, price: float | None) -> pd.DataFrame:
    rows = [
        {**now, "bytes_low": now["bytes"], "bytes_high": now["bytes"], "unpriced": 0},
        {
            "policy": then["policy"],
            "calls": then["recorded"],
            "events": then["events_then"],
            "bytes": then["bytes_then"],
            "bytes_low": then["low"],
            "bytes_high": then["high"],
            "unpriced": then["unpriced"],
        },
    ]
    frame = pd.DataFrame(rows)
    frame["per_day"] = frame["bytes"] * (DAY / length) if length > 0 else float("nan")
    frame["cost"] = frame["per_day"] / 1e9 * price if price is not None else float("nan")
    return tidy(frame[["policy", "calls", "events", "bytes", "bytes_low", "bytes_high", "per_day", "cost", "unpriced"]])


def _rules(groups: pd.DataFrame, policy: AuditPolicy) -> pd.DataFrame:
    names = {
        "calls": "calls",
        "events_then": "events",
        "bytes_then": "bytes",
        "low": "bytes_low",
        "high": "bytes_high",
        "unpriced": "unpriced",
    }
    sums = groups.groupby("rule")[list(names)].sum().rename(columns=names).astype("int64")
    every = [*range(len(policy.rules)), *([-1] if -1 in sums.index else [])]  # a rule that nothing matches stands there with 0
    frame = sums.reindex(every, fill_value=0).rename_axis("rule").reset_index()
    frame.insert(1, "level", [policy.rules[at].level if at >= 0 else "None" for at in every])
    frame.insert(2, "what", [described(policy.rules[at]) if at >= 0 else "no rule matches" for at in every])
    total = frame["bytes"].sum()
    frame.insert(len(frame.columns) - 1, "share", frame["bytes"] / total if total else 0.0)
    return tidy(frame)


def described(rule: AuditRule) -> str:
    """A rule's conditions in a line."""
    resources = [f"{name}.{entry.group}" if entry.group else name for entry in rule.resources for name in (entry.resources or ("*",))]
    names = [name for entry in rule.resources for name in entry.resource_names]
    parts = [
        ("users", rule.users),
        ("groups", rule.user_groups),
        ("verbs", rule.verbs),
        ("resources", resources),
        ("names", names),
        ("namespaces", rule.namespaces),
        ("paths", rule.non_resource_urls),
    ]
    return "; ".join(f"{name} {', '.join(values) if any(values) else repr('')}" for name, values in parts if values) or "everything"


def _answers(groups: pd.DataFrame) -> pd.DataFrame:
    rank = groups["level_then"].map({level: at for at, level in enumerate(LEVELS)}).astype("int64")
    whole = (groups["recorded"] / groups["calls"]).fillna(0.0)
    ended = (groups["ended"] / groups["calls"]).fillna(0.0)
    rows = []
    for at, (answer, need) in enumerate(NEEDS.items()):
        needed = groups[f"need_{at}"]
        share = (whole if need.stage == ANY else ended) * (rank >= LEVELS.index(need.level))
        total, kept = int(needed.sum()), round(float((needed * share).sum()))
        verdict = "nothing to answer" if total == 0 else "whole" if kept == total else "lost" if kept == 0 else "in part"
        rows.append((answer, need.question, total, kept, verdict, _why(groups, at, need.level, verdict)))
    return tidy(pd.DataFrame(rows, columns=["answer", "question", "needed", "kept", "verdict", "why"]))


def _why(groups: pd.DataFrame, at: int, level: str, verdict: str) -> str:
    """What is missing, in words: the rules that drop most."""
    if verdict in ("whole", "nothing to answer"):
        return ""
    below = groups["level_then"].map(lambda found: LEVELS.index(found) < LEVELS.index(level))
    dropped = groups[below].groupby("rule")[f"need_{at}"].sum()
    dropped = dropped[dropped > 0].sort_values(ascending=False, kind="stable")
    if dropped.empty:
        return "its stages are omitted"
    words = [f"{'no rule' if rule < 0 else f'rule {rule}'} ({int(calls):,} calls)" for rule, calls in dropped.head(3).items()]
    return f"below {level}: {', '.join(words)}"


def _unpriced(groups: pd.DataFrame) -> pd.DataFrame:
    """Calls whose bodies the policy wants and the log lacks, by verb and resource."""
    lacking = groups[groups["unpriced"] > 0]
    target = lacking["k_resource"] + lacking["k_subresource"].map(lambda sub: f"/{sub}" if sub else "")
    frame = pd.DataFrame({"verb": lacking["k_verb"], "resource": target, "level": lacking["level_then"], "calls": lacking["unpriced"]})
    frame = frame.groupby(["verb", "resource", "level"], as_index=False)["calls"].sum()
    return tidy(frame.sort_values(["calls", "verb", "resource"], ascending=[False, True, True], ignore_index=True))
