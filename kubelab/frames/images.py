"""Image filesystem: what images take on each node over time, from what the kubelets report of them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from kubelab.cri.usage.images import unpacked_bytes
from kubelab.cri.usage.machine import Capacity
from kubelab.frames.typed import category, count, instants, seconds
from kubelab.kinds.kind import Object
from kubelab.store.log import Log


def image_filesystem(log: Log, now: Mapping[str, int], start_ns: int, now_ns: int) -> pd.DataFrame:
    """A row per node and change of its images, and one for now.

    Columns: ``time``, ``elapsed``, ``node``, ``images`` (how many; the kubelet reports fifty at most), ``bytes`` (unpacked),
    ``capacity`` (bytes of the filesystem), ``share``.
    """
    rows: list[tuple[int, str, int, int, int]] = []
    known: dict[str, tuple[int, int]] = {}
    newest: dict[str, Object] = {}
    for commit in log.commits:
        if commit.key[0] != "nodes" or commit.type == "DELETED":
            continue
        node, name = commit.object, commit.key[2]
        newest[name] = node
        images = (node.get("status") or {}).get("images") or []
        found = len(images), sum(unpacked_bytes(image["sizeBytes"]) for image in images)
        if known.get(name) != found:
            known[name] = found
            rows.append((commit.time_ns, name, *found, Capacity.of(node).fs_bytes))
    for name, used in now.items():
        if name in newest:
            rows.append((now_ns, name, known[name][0], used, Capacity.of(newest[name]).fs_bytes))
    frame = pd.DataFrame(
        {
            "time": instants([row[0] for row in rows]),
            "elapsed": seconds([row[0] for row in rows], start_ns),
            "node": category([row[1] for row in rows]),
            "images": count([row[2] for row in rows]),
            "bytes": count([row[3] for row in rows]),
            "capacity": count([row[4] for row in rows]),
        }
    )
    return frame.assign(share=frame["bytes"].astype("float64") / frame["capacity"].astype("float64"))
