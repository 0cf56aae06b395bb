"""The rolling update. Without surge: old pods are taken away as far as maxUnavailable allows, and made anew by the next sync. With it: new
pods are made beside old ones as far as maxSurge allows, and the old ones go when the new ones are available. Old pods that are not
available are replaced at once, beyond the limit.

upstream: rollingUpdate in pkg/controller/daemon/update.go, 1.28.
"""

from __future__ import annotations

from kubelab.controllers.common.pod_facts import is_available
from kubelab.controllers.daemonset.manage import REPLACED, Work
from kubelab.controllers.daemonset.observe import Seen
from kubelab.controllers.daemonset.shares import new_and_old
from kubelab.engine.plan import Reason

OUTDATED = Reason("PodOutdated", "{subject} is of an old template")
SURGE = Reason("Surge", "{subject} has an old pod and gets a new one beside it")


def rolling_update(seen: Seen) -> Work:
    """``seen.candidates`` are already as few as the limit allows."""
    work = Work()
    basis = seen.basis
    if basis is None or not basis.rolling:
        return work
    for place in (*seen.replace, *seen.candidates):
        new, old = new_and_old(basis, place.live) or (None, None)
        if old is None:
            continue
        subject = f"pod/{old['metadata']['name']}"
        if not basis.surging:
            work.delete.append((old, OUTDATED(subject)))
        elif new is None:
            work.create.append((place.name, SURGE(f"node/{place.name}")))
        elif is_available(new, basis.min_ready_seconds, seen.now_ns):
            work.delete.append((old, REPLACED(subject, node=f"node/{place.name}")))
    return work
