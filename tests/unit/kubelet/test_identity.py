"""As whom containers run.

upstream: test/e2e/node/security_context.go, test/e2e/common/node/security_context.go, 1.28; the documentation's page "Configure a Security
Context for a Pod or Container".
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.kubelet.world import Node, pod, shell

Object = dict[str, Any]
DOCS = {"runAsUser": 1000, "runAsGroup": 3000, "fsGroup": 2000}
ROWS: list[tuple[Object, Object, str, str]] = [
    # the pod's context, the container's, a command, what it prints
    ({}, {}, "id", "uid=0(root) gid=0(root) groups=0(root),10(wheel)\n"),
    (DOCS, {}, "id", "uid=1000 gid=3000 groups=2000,3000\n"),
    ({**DOCS, "supplementalGroups": [4000]}, {}, "id", "uid=1000 gid=3000 groups=2000,3000,4000\n"),
    ({"runAsUser": 1000}, {"runAsUser": 2000}, "id -u", "2000\n"),
    # should support pod.Spec.SecurityContext.SupplementalGroups; RunAsUser; RunAsUser And RunAsGroup; container.SecurityContext.…
    ({"supplementalGroups": [1234, 5678]}, {}, "id -G", "0 10 1234 5678\n"),
    ({"runAsUser": 1001}, {}, "id", "uid=1001 gid=0(root) groups=0(root)\n"),
    ({"runAsUser": 1001, "runAsGroup": 2002}, {}, "id", "uid=1001 gid=2002 groups=2002\n"),
    ({"runAsUser": 1001}, {"runAsUser": 1002}, "id", "uid=1002 gid=0(root) groups=0(root)\n"),
    ({"runAsUser": 1001, "runAsGroup": 2001}, {"runAsUser": 1002, "runAsGroup": 2002}, "id", "uid=1002 gid=2002 groups=2002\n"),
    # should run the container with uid 65534, with uid 0, with an explicit non-root user ID
    ({}, {"runAsUser": 65534}, "id -u", "65534\n"),
    ({}, {"runAsUser": 65534}, "whoami; id -gn", "nobody\nnobody\n"),
    ({}, {"runAsUser": 0}, "id -u; id -un", "0\nroot\n"),
    ({}, {"runAsNonRoot": True, "runAsUser": 1234}, "id -u", "1234\n"),
    ({}, {"runAsUser": 1234}, "whoami || echo $?", "1\n"),
]


@pytest.mark.parametrize(("shared", "own", "command", "said"), ROWS)
def test_who_a_container_is(shared: Object, own: Object, command: str, said: str) -> None:
    node = Node()
    node.start(pod(shell(f"{command}; sleep 1000", securityContext=own), securityContext=shared))
    node.run("5s")
    assert "".join(line for line in node.output().splitlines(keepends=True) if not line.startswith("whoami:")) == said
