"""The policy widget's model: a level for each part of the requests, the audit policy that says so, and what it would have recorded of a log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubelab.auditlog.answers.what_if import WhatIf
from kubelab.auditlog.read import read

LEVELS = ("None", "Metadata", "Request", "RequestResponse")
Rule = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the requests: its name, the rules that pick it, its level at first. Earlier parts win, as earlier rules do."""

    name: str
    rules: tuple[Rule, ...]
    level: str


_CONTROL_PLANE = ["system:kube-scheduler", "system:kube-controller-manager", "system:apiserver"]
PARTS = (
    Part(
        "secrets",
        (
            {
                "resources": [
                    {"group": "", "resources": ["secrets", "serviceaccounts/token"]},
                    {"group": "authentication.k8s.io", "resources": ["tokenreviews"]},
                ]
            },
        ),
        "Metadata",
    ),
    Part("leases", ({"resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},), "None"),
    Part("events", ({"resources": [{"group": "", "resources": ["events"]}, {"group": "events.k8s.io"}]},), "None"),
    Part("nodes", ({"userGroups": ["system:nodes"]},), "Metadata"),
    Part("control plane", ({"users": _CONTROL_PLANE}, {"userGroups": ["system:serviceaccounts:kube-system"]}), "Metadata"),
    Part("other reads", ({"verbs": ["get", "list", "watch"]},), "Metadata"),
    Part("other writes", ({},), "RequestResponse"),
)


@dataclass(frozen=True, slots=True)
class PolicyFrame:
    """What the policy at hand would have made of the log; answers as (name, question, share of its calls kept, verdict)."""

    bytes: int
    events: int
    bytes_now: int
    unpriced: int
    answers: tuple[tuple[str, str, float, str], ...]


class PolicyModel:
    """``levels``: by the name of a part; ``received``: also an event when a request comes in. ``source``: an audit log, or what is read as one."""

    def __init__(self, source: Any) -> None:
        self.log = source if hasattr(source, "what_if") else read(source)
        self.levels = {part.name: part.level for part in PARTS}
        self.received = False

    def turn(self, part: str, level: str) -> None:
        """Give a part another level."""
        if part not in self.levels or level not in LEVELS:
            raise ValueError(f"{part!r} at {level!r}: parts are {', '.join(self.levels)}, levels {', '.join(LEVELS)}")
        self.levels[part] = level

    def policy(self) -> dict[str, Any]:
        """The policy, as ``kubectl`` and ``--audit-policy-file`` know it."""
        rules = [{"level": self.levels[part.name], **rule} for part in PARTS for rule in part.rules]
        stages = {} if self.received else {"omitStages": ["RequestReceived"]}
        return {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", **stages, "rules": rules}

    def frame(self) -> PolicyFrame:
        """What is to be seen now."""
        found: WhatIf = self.log.what_if(self.policy())
        now, then = found.totals.iloc[0], found.totals.iloc[1]
        answers = tuple(
            (str(row.answer), str(row.question), row.kept / row.needed if row.needed else 0.0, str(row.verdict))
            for row in found.answers.itertuples()
        )
        return PolicyFrame(int(then["bytes"]), int(then["events"]), int(now["bytes"]), int(then["unpriced"]), answers)
