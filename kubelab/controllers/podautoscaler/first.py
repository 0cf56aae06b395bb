"""An autoscaler's steadiness as 1.7 had it: at most twice as many (or 4), and nothing for a while after a change.

After any change the number does not rise for 3 minutes and does not fall for 5. Looked at every 30 seconds.

upstream: reconcileAutoscaler, shouldScale, calculateScaleUpLimit in pkg/controller/podautoscaler/horizontal.go,
cmd/kube-controller-manager/app/options/options.go, 1.7.
"""

from __future__ import annotations

from kubelab.controllers.podautoscaler.behavior import Bounds
from kubelab.world.clock import MINUTE, SECOND

SYNC_NS = 30 * SECOND
UPSCALE_NS, DOWNSCALE_NS = 3 * MINUTE, 5 * MINUTE
_FACTOR, _FEW = 2, 4
_SINCE = "the time since the previous scale is still within "

Condition = tuple[str, str, str]  # status, reason, message


def bounded(current: int, desired: int, bounds: Bounds) -> tuple[int, Condition]:
    """The number within rate and bounds, and what ScalingLimited says of it; the first bound that it passes is the only one asked."""
    most_now = max(_FACTOR * current, _FEW)
    if desired > most_now:
        return most_now, ("True", "ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate")
    if desired == 0:
        return 1, ("True", "TooFewReplicas", "the desired replica count was zero")
    if desired < bounds.least:
        return bounds.least, ("True", "TooFewReplicas", "the desired replica count was less than the minimum replica count")
    if desired > bounds.most:
        return bounds.most, ("True", "TooManyReplicas", "the desired replica count was more than the maximum replica count")
    return desired, ("False", "DesiredWithinRange", "the desired replica count is within the acceptible range")


def may_scale(current: int, desired: int, scaled_ns: int | None, now_ns: int) -> bool:
    """``scaled_ns``: when the number last changed, None where it never did."""
    if desired == current:
        return False
    return scaled_ns is None or scaled_ns + (DOWNSCALE_NS if desired < current else UPSCALE_NS) < now_ns


def readiness(scaled_ns: int | None, now_ns: int) -> Condition:
    """What AbleToScale says: within which windows the last change still is."""
    down = scaled_ns is not None and scaled_ns + DOWNSCALE_NS >= now_ns
    up = scaled_ns is not None and scaled_ns + UPSCALE_NS >= now_ns
    if up and down:
        return "False", "BackoffBoth", f"{_SINCE}both the downscale and upscale forbidden windows"
    if down:
        return "False", "BackoffDownscale", f"{_SINCE}the downscale forbidden window"
    return "True", "ReadyForNewScale", "the last scale time was sufficiently old as to warrant a new scale"
