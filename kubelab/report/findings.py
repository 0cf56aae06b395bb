"""What stands out: sentences for the head of a report, each from an answer that the report shows further down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pandas as pd

from kubelab.frames.words import many
from kubelab.report.sections import PEOPLE
from kubelab.report.table import names

Answers = Mapping[str, pd.DataFrame]


class Finding(NamedTuple):
    """A sentence, and the section that shows it."""

    text: str
    anchor: str


def findings(answers: Answers) -> list[Finding]:
    """All that stands out, in the order of the report; answers that could not be given are passed over."""
    found = []
    for name, look in _LOOKS.items():
        frame = answers.get(name)
        if frame is not None and len(frame):
            text = look(frame)
            if text:
                found.append(Finding(text, name.replace("_", "-")))
    return found


def _clients(frame: pd.DataFrame) -> str:
    first = frame.iloc[0]
    errors = int(frame[["client_errors", "server_errors"]].sum().sum())
    more = f"; {errors:,} calls failed" if errors else ""
    return f"{names([first['user']])} makes {first['share']:.0%} of the calls{more}."


def _slis(frame: pd.DataFrame) -> str:
    missed = frame[frame["met"].map(lambda met: met is False or str(met) == "False")]
    return f"{len(missed):,} of {frame['met'].notna().sum():,} objectives are missed." if len(missed) else ""


def _noisy(frame: pd.DataFrame) -> str:
    noisy = frame[(frame["unlimited"] > 0) & frame["role"].isin(PEOPLE)]
    if noisy.empty:
        return ""
    first = noisy.sort_values("unlimited", ascending=False, kind="stable").iloc[0]
    return f"{names([first['user']])} listed without a limit {int(first['unlimited']):,} times."


def _hot(frame: pd.DataFrame) -> str:
    first = frame.sort_values("conflicts", ascending=False, kind="stable").iloc[0]
    if not first["conflicts"]:
        return ""
    place = "/".join(str(part) for part in (first["namespace"], first["name"]) if part)
    what = names([f"{first['resource']} {place}"])
    return f"{what} is fought over: {many(int(first['conflicts']), 'conflict')}."


def _denied(frame: pd.DataFrame) -> str:
    by_user = frame.groupby("user", sort=False)["calls"].sum().sort_values(ascending=False, kind="stable")
    return f"{int(by_user.sum()):,} calls were denied, most of them to {names(list(by_user.index), 2)}." if by_user.sum() else ""


def _sensitive(frame: pd.DataFrame) -> str:
    read = frame[frame["role"].isin(PEOPLE) & (frame["kind"] == "secret read") & (frame["calls"] > frame["refused"])]
    if read.empty:
        return ""
    return f"Secrets were read by {names(list(dict.fromkeys(read['user'])))}, from {names(list(dict.fromkeys(read['source_ips'])))}."


def _deleted(frame: pd.DataFrame) -> str:
    people = frame[frame["role"].isin(PEOPLE) & (frame["subresource"].fillna("") == "")] if "subresource" in frame else frame
    if people.empty:
        return ""
    return f"{many(len(people), 'deletion')} by {names(list(dict.fromkeys(people['who'])))}."


def _rollouts(frame: pd.DataFrame) -> str:
    odd = frame[~frame["outcome"].isin(("came to rest", "done"))]
    if odd.empty:
        return f"{len(frame):,} rollouts, all of which ended well."
    which = names([f"{row.workload} ({row.outcome})" for row in odd.itertuples()])
    return f"{len(odd):,} of {len(frame):,} rollouts did not end well: {which}."


def _anomalies(frame: pd.DataFrame) -> str:
    alarms = frame.attrs.get("false_alarms", {})
    hours = alarms.get("per_hour")
    rate = f" (on the baseline itself this test gives {hours:.2g} alarms an hour)" if hours is not None else ""
    windows = frame["window"].nunique()
    return f"{many(windows, 'minute')} stand{'s' if windows == 1 else ''} out; the users concerned are {names(list(dict.fromkeys(frame['user'])))}{rate}."


def _deprecated(frame: pd.DataFrame) -> str:
    people = frame[frame["role"].isin(PEOPLE)]
    return f"{names(list(dict.fromkeys(people['client'])))} still use deprecated APIs." if len(people) else ""


_LOOKS: dict[str, Callable[[pd.DataFrame], str]] = {
    "clients": _clients,
    "slis": _slis,
    "noisy_clients": _noisy,
    "hot_objects": _hot,
    "denied": _denied,
    "sensitive": _sensitive,
    "who": _deleted,
    "rollout_steps": _rollouts,
    "anomalies": _anomalies,
    "deprecated": _deprecated,
}
