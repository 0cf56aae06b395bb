"""Reading a workload from its two CSV files, plain or gzipped: every row is checked before anything is made of it."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TextIO, TypeVar

from kubelab.cluster.workload.tasks import GPUS, Machine, Task, Workload

NODE_COLUMNS = ("sn", "cpu_milli", "memory_mib", "gpu", "model")
POD_COLUMNS = (
    "name",
    "cpu_milli",
    "memory_mib",
    "num_gpu",
    "gpu_milli",
    "gpu_spec",
    "qos",
    "pod_phase",
    "creation_time",
    "deletion_time",
    "scheduled_time",
)
PHASES = ("Succeeded", "Running", "Pending", "Failed", "Unknown")
MISSING = ("", "nan", "NaN", "None")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_LABEL = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]")
_Row = TypeVar("_Row", Machine, Task)


class WorkloadError(ValueError):
    """A file that is not a workload. ``source`` names the file, ``line`` the line (from 1; 0: the whole file), ``column`` the column."""

    def __init__(self, message: str, source: str = "", line: int = 0, column: str = "") -> None:
        place = ":".join(str(part) for part in (source, line) if part)
        where = f"{place}: {column}" if column else place
        super().__init__(f"{where}: {message}" if where else message)
        self.source, self.line, self.column = source, line, column


class Fields(NamedTuple):
    """One row of a file, and what it knows of its place."""

    source: str
    line: int
    values: dict[str, str]

    def error(self, column: str, message: str) -> WorkloadError:
        return WorkloadError(message, self.source, self.line, column)

    def text(self, column: str) -> str:
        found = self.values[column].strip()
        return "" if found in MISSING else found

    def number(self, column: str, most: int = 2**53) -> int:
        found = self.text(column)
        try:
            number = float(found)
            whole = int(number)
        except (ValueError, OverflowError):
            raise self.error(column, f"{found!r} is not a number") from None
        if whole != number or not 0 <= whole <= most:
            raise self.error(column, f"{found!r} is not a whole number from 0 to {most}")
        return whole

    def name(self, column: str) -> str:
        found = self.text(column)
        if not _NAME.fullmatch(found):
            raise self.error(column, f"{found!r} cannot be the name of an object: use lower case letters, digits, '-' and '.'")
        return found

    def label(self, column: str) -> str:
        found = self.text(column)
        if found and not _LABEL.fullmatch(found):
            raise self.error(column, f"{found!r} cannot be the value of a label: use letters, digits, '-', '_' and '.', at most 63")
        return found


def read(nodes_csv: str | Path, pods_csv: str | Path, *, gpus: str = "shared") -> Workload:
    """Read a workload from a list of nodes and a list of tasks.

    Columns of the nodes: ``sn, cpu_milli, memory_mib, gpu, model``; of the tasks: ``name, cpu_milli, memory_mib, num_gpu, gpu_milli, gpu_spec,
    qos, pod_phase, creation_time, deletion_time, scheduled_time`` (seconds). Others are ignored. ``gpus``: ``"shared"`` counts thousandths of
    a GPU, ``"whole"`` devices. WorkloadError names the file, the line and the column of what will not do.
    """
    if gpus not in GPUS:
        raise ValueError(f"gpus={gpus!r}: use one of {', '.join(map(repr, GPUS))}")
    machines = _unique([_machine(row) for row in _rows(nodes_csv, NODE_COLUMNS)], nodes_csv, lambda machine: machine.name)
    tasks = _unique([_task(row) for row in _rows(pods_csv, POD_COLUMNS)], pods_csv, lambda task: task.name)
    return Workload(machines, tasks, gpus)


def _rows(path: str | Path, columns: tuple[str, ...]) -> Iterator[Fields]:
    source = str(path)
    with _opened(Path(path)) as lines:
        reader = csv.DictReader(lines)
        try:
            absent = [column for column in columns if column not in (reader.fieldnames or ())]
            if absent:
                there = ", ".join(reader.fieldnames or ()) or "nothing"
                raise WorkloadError(f"there is no column {absent[0]!r}: the first line has {there}", source, 1)
            for values in reader:
                short = next((column for column in columns if values[column] is None), "")
                if short:
                    raise WorkloadError("the line ends before it", source, reader.line_num, short)
                yield Fields(source, reader.line_num, values)
        except (UnicodeDecodeError, csv.Error, gzip.BadGzipFile, EOFError) as error:
            raise WorkloadError(f"is not a CSV file in UTF-8: {error}", source, reader.line_num) from None


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.GzipFile(path), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _unique(rows: list[_Row], path: str | Path, name: Callable[[_Row], str]) -> tuple[_Row, ...]:
    if not rows:
        raise WorkloadError("there is no row below the names of the columns", str(path))
    names: dict[str, None] = {}
    for row in rows:
        if name(row) in names:
            raise WorkloadError(f"{name(row)!r} is there twice: each row needs a name of its own", str(path))
        names[name(row)] = None
    return tuple(rows)


def _machine(row: Fields) -> Machine:
    return Machine(row.name("sn"), row.number("cpu_milli"), row.number("memory_mib"), row.number("gpu"), row.label("model"))


def _task(row: Fields) -> Task:
    gpus, created, deleted = row.number("num_gpu"), row.number("creation_time"), row.number("deletion_time")
    scheduled = row.number("scheduled_time") if row.text("scheduled_time") else None
    phase = row.text("pod_phase")
    if phase not in PHASES:
        raise row.error("pod_phase", f"{phase!r} is none of {', '.join(PHASES)}")
    if deleted < created:
        raise row.error("deletion_time", f"{deleted} is before the creation at {created}")
    if scheduled is not None and not created <= scheduled <= deleted:
        raise row.error("scheduled_time", f"{scheduled} is not between the creation at {created} and the deletion at {deleted}")
    models = tuple(model for model in row.text("gpu_spec").split("|") if model)
    for model in models:
        if not _LABEL.fullmatch(model):
            raise row.error("gpu_spec", f"{model!r} cannot be the value of a label: use letters, digits, '-', '_' and '.', at most 63")
    return Task(
        row.name("name"),
        row.number("cpu_milli"),
        row.number("memory_mib"),
        gpus,
        row.number("gpu_milli", 1000) if gpus else 0,
        models,
        row.label("qos"),
        phase,
        created,
        deleted,
        scheduled,
    )
