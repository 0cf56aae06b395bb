"""As whom a container may run.

upstream: pkg/kubelet/kuberuntime/security_context.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.cri.programs.tools import runs_as_root
from kubelab.cri.shell.who import identity
from kubelab.kubelet.pod.environment import ConfigError
from kubelab.kubelet.pod.seen import format_pod

Object = dict[str, Any]
_NONE: dict[str, Any] = {}


def verify_non_root(pod: Object, container: Object) -> None:
    """Raises ConfigError for a container that must not run as root and would.

    upstream: verifyRunAsNonRoot. Of most images the lab does not know the user: they pass.
    """
    own, shared = container.get("securityContext") or _NONE, pod["spec"].get("securityContext") or _NONE
    if not own.get("runAsNonRoot", shared.get("runAsNonRoot")):
        return
    user = own.get("runAsUser", shared.get("runAsUser"))
    where = f'(pod: "{format_pod(pod)}", container: {container["name"]})'
    if user == 0:
        raise ConfigError(f"container's runAsUser breaks non-root policy {where}")
    if user is None and runs_as_root(container["image"]):
        raise ConfigError(f"container has runAsNonRoot and image will run as root {where}")


def user_of(pod: Object, container: Object) -> tuple[int, ...]:
    """User, group and further groups of a container; empty where the pod names none of them.

    upstream: determineEffectiveSecurityContext.
    """
    own, shared = container.get("securityContext") or _NONE, pod["spec"].get("securityContext") or _NONE
    if not own and not shared:
        return ()
    more = [*(shared.get("supplementalGroups") or ()), *([shared["fsGroup"]] if "fsGroup" in shared else [])]
    return identity(own.get("runAsUser", shared.get("runAsUser")), own.get("runAsGroup", shared.get("runAsGroup")), more)
