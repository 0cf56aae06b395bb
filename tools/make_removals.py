"""Write ``kubelab/auditlog/answers/data/removals.json``: which API versions are deprecated and removed, since when, and what takes their place.

Read from upstream's zz_generated.prerelease-lifecycle.go, which give the API server its warnings (what no tag says follows from the release of introduction):

    python tools/make_removals.py KUBERNETES_1.28 [OLDER_KUBERNETES …]

Older checkouts add what the newest source no longer has; where several speak, the first is believed.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "kubelab" / "auditlog" / "answers" / "data" / "removals.json"
RELEASE = re.compile(r"func \(in \*(\w+)\) APILifecycle(Deprecated|Removed)\(\) \(major, minor int\) \{\s*return (\d+), (\d+)")
REPLACEMENT = re.compile(
    r"func \(in \*(\w+)\) APILifecycleReplacement\(\) schema.GroupVersionKind \{\s*"
    r'return schema.GroupVersionKind\{Group: "([^"]*)", Version: "([^"]*)", Kind: "([^"]*)"\}'
)
GROUP = re.compile(r'GroupName\s*=\s*"([^"]*)"')
NOT_STORED = (
    "Eviction",
    "Scale",
    "TokenRequest",
    "DeploymentRollback",
    "SerializedReference",
    "RangeAllocation",
    "PodStatusResult",
    "Binding",
)


def main(roots: list[str]) -> None:
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for root in reversed(roots):
        for file in sorted(Path(root).glob("staging/src/k8s.io/**/zz_generated.prerelease-lifecycle.go")):
            found |= removals(file)
    rows = [found[key] for key in sorted(found)]
    lines = ",\n  ".join(json.dumps(row) for row in rows)
    TARGET.write_text(f'{{"upstream": "staging/src/k8s.io/**/zz_generated.prerelease-lifecycle.go, 1.28", "apis": [\n  {lines}\n]}}\n')
    print(f"{TARGET}: {len(rows)} API versions")


def removals(file: Path) -> dict[tuple[str, str, str], dict[str, str]]:
    """The deprecated kinds of a version, by group, version and resource."""
    group = GROUP.search((file.parent / "register.go").read_text())
    if group is None:
        raise SystemExit(f"{file.parent / 'register.go'} names no group")
    text, version = file.read_text(), file.parent.name
    releases = {(kind, what): f"{major}.{minor}" for kind, what, major, minor in RELEASE.findall(text)}
    instead = {kind: f"{to}/{at} {name}" if to else f"{at} {name}" for kind, to, at, name in REPLACEMENT.findall(text)}
    found = {}
    for (kind, what), release in releases.items():
        if what == "Deprecated" and not kind.endswith(("List", "Options")) and kind not in NOT_STORED:
            row = {"group": group[1], "version": version, "kind": kind, "resource": plural(kind), "deprecated": release}
            row |= {"removed": releases.get((kind, "Removed"), ""), "replacement": instead.get(kind) or stable(file, group[1], kind)}
            found[group[1], version, row["resource"]] = row
    return found


def stable(file: Path, group: str, kind: str) -> str:
    """The same kind at v1, where upstream's tag names no replacement but v1 has it."""
    types = file.parent.parent / "v1" / "types.go"
    return f"{group}/v1 {kind}" if types.exists() and f"type {kind} struct" in types.read_text() else ""


def plural(kind: str) -> str:
    """upstream: apimachinery/pkg/api/meta/restmapper.go, UnsafeGuessKindToResource, 1.28."""
    lower = kind.lower()
    if lower in ("endpoints",):
        return lower
    if lower.endswith("s"):
        return lower + "es"
    return lower[:-1] + "ies" if lower.endswith("y") else lower + "s"


if __name__ == "__main__":
    main(sys.argv[1:])
