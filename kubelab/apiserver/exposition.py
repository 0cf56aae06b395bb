"""The text format in which Kubernetes components show their metrics.

upstream: github.com/prometheus/common/expfmt/text_create.go (format), component-base/metrics/opts.go annotateStabilityLevel (the level before
the help text), 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

Labels = Mapping[str, str]
SCIENTIFIC_FROM = 6  # Go's strconv, where the shortest digits are asked for
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n"})
_LABEL_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})


class Sample(NamedTuple):
    """One line: ``suffix`` is ``_bucket``, ``_sum`` or ``_count`` of a histogram; ``time_ms`` a timestamp, if the sample bears one."""

    labels: Labels
    value: float
    time_ms: int | None = None
    suffix: str = ""


class Family(NamedTuple):
    """One metric: ``type`` counter, gauge or histogram; ``level`` ALPHA, BETA, STABLE, or "" for metrics without one (cAdvisor's)."""

    name: str
    type: str
    level: str
    help: str
    samples: tuple[Sample, ...]


def page(families: Iterable[Family]) -> str:
    """The page: families by name, those without samples left out, the labels of a line by name.

    >>> print(page([Family("up", "gauge", "STABLE", "Whether it is up", (Sample({"job": "a"}, 1),))]), end="")
    # HELP up [STABLE] Whether it is up
    # TYPE up gauge
    up{job="a"} 1
    """
    lines: list[str] = []
    for family in sorted(families, key=lambda item: item.name):
        if not family.samples:
            continue
        text = f"[{family.level}] {family.help}" if family.level else family.help
        lines.append(f"# HELP {family.name} {text.translate(_ESCAPES)}")
        lines.append(f"# TYPE {family.name} {family.type}")
        lines += (_line(family.name, sample) for sample in family.samples)
    return "".join(f"{line}\n" for line in lines)


def _line(name: str, sample: Sample) -> str:
    last = [key for key in ("le",) if key in sample.labels]  # expfmt writes the bucket's bound behind the others
    keys = [key for key in sorted(sample.labels) if key not in last] + last
    labels = ",".join(f'{key}="{sample.labels[key].translate(_LABEL_ESCAPES)}"' for key in keys)
    at = "" if sample.time_ms is None else f" {sample.time_ms}"
    return (
        f"{name}{sample.suffix}{{{labels}}} {number(sample.value)}{at}" if labels else f"{name}{sample.suffix} {number(sample.value)}{at}"
    )


def number(value: float) -> str:
    """A number as Go's ``strconv.FormatFloat(value, 'g', -1, 64)`` writes it.

    >>> number(3.0), number(0.1), number(26214400), number(0.00001), number(120000), number(float("inf"))
    ('3', '0.1', '2.62144e+07', '1e-05', '120000', '+Inf')
    """
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    sign, digits, point = _shortest(value)
    exponent = point - 1
    if value == 0 or -4 <= exponent < SCIENTIFIC_FROM:
        whole, part = (digits[:point].ljust(point, "0"), digits[point:]) if point > 0 else ("0", "0" * -point + digits)
        return f"{sign}{whole}.{part}" if part else f"{sign}{whole}"
    mantissa = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
    return f"{sign}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _shortest(value: float) -> tuple[str, str, int]:
    """Sign, the fewest decimal digits that say the number, and where the point stands in them."""
    sign, digits, exponent = Decimal(repr(float(value))).as_tuple()
    text = "".join(map(str, digits))
    point = len(text) + int(exponent)
    return "-" if sign else "", text.rstrip("0") or "0", point if value else 1


def histogram(labels: Labels, bounds: tuple[float, ...], counts: list[int], total: float) -> tuple[Sample, ...]:
    """The lines of one histogram: ``counts`` per bucket (one more than ``bounds``: what lies beyond the last), not yet added up."""
    samples, seen = [], 0
    for bound, count in zip((*bounds, float("inf")), counts, strict=True):
        seen += count
        samples.append(Sample({**labels, "le": number(bound)}, seen, suffix="_bucket"))
    return (*samples, Sample(labels, total, suffix="_sum"), Sample(labels, seen, suffix="_count"))
