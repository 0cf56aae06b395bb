"""The client's token bucket (client-go/util/flowcontrol), as a virtual clock."""

from __future__ import annotations

import pytest

from kubelab.engine.component import Client
from kubelab.engine.runner import Bucket


@pytest.mark.parametrize(
    ("qps", "burst", "asked", "given"),
    [
        (20, 30, [0] * 31, [0] * 30 + [50]),  # the burst at once, then one each 50 ms
        (20, 2, [0, 0, 0, 0], [0, 0, 50, 100]),
        (10, 1, [0, 50, 300], [0, 100, 300]),  # a wait is counted from the last token
        (10, 2, [0, 0, 1000, 1000, 1000], [0, 0, 1000, 1000, 1100]),  # the bucket fills again, to its burst
    ],
)
def test_when_tokens_are_there(qps: float, burst: int, asked: list[int], given: list[int]) -> None:
    bucket = Bucket(Client(qps, burst))
    assert [bucket.take(at * 1_000_000) // 1_000_000 for at in asked] == given
