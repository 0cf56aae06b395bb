"""Fields behind a gate that is off are dropped, unless they are in use (upstream: pkg/api/pod/util_test.go TestDropSidecarContainers)."""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.kinds.kind import Context
from kubelab.kinds.podspec.disabled import POD, TEMPLATE, drop_disabled_pod_fields

WITH = {"initContainers": [{"name": "s", "restartPolicy": "Always"}]}
WITHOUT = {"initContainers": [{"name": "s"}]}


def nested(path: tuple[str, ...], spec: dict[str, Any]) -> dict[str, Any]:
    for name in reversed(path):
        spec = {name: spec}
    return spec


@pytest.mark.parametrize("path", [POD, TEMPLATE])
@pytest.mark.parametrize(
    ("gate", "old", "kept"),
    [(True, None, True), (True, WITHOUT, True), (False, None, False), (False, WITHOUT, False), (False, WITH, True), (False, {}, False)],
)
def test_restart_policies_of_init_containers(path: tuple[str, ...], gate: bool, old: dict[str, Any] | None, kept: bool) -> None:
    shared = nested(path, WITH)
    obj = dict(shared)
    before = None if old is None else nested(path, old)
    drop_disabled_pod_fields(obj, before, Context("", 0, gates={"SidecarContainers": gate}), path)
    assert obj == nested(path, WITH if kept else WITHOUT)
    assert shared == nested(path, WITH)
