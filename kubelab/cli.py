"""The command line: ``kubelab audit …`` asks audit logs what ``kl.auditlog`` answers, and writes the report.

Each answer is a subcommand; its options are the parameters of the Python call, so that the two cannot drift apart.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

PROGRAM = "kubelab"
FORMATS = ("table", "csv", "json", "markdown")
EPILOG = """\
SOURCE is a file, a folder, a pattern, or - for standard input: plain, .gz or .zst; JSON lines, EventLists, and the wrappings of EKS, GKE, AKS, OpenShift,
Docker, CRI, Fluentd, Filebeat and Loki. What does not parse is skipped, and `kubelab audit problems SOURCE` shows it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, or 1 with a line on stderr that says what is wrong."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options) or 0)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except (ValueError, OSError, LookupError) as error:
        text = error.args[0] if isinstance(error, KeyError) else error
        print(f"{PROGRAM}: {text}", file=sys.stderr)
        return 1
    except ImportError as error:
        print(f"{PROGRAM}: {error}: pip install 'kubelab[analysis]' brings what the analysis of logs needs", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    import kubelab

    parser = argparse.ArgumentParser(prog=PROGRAM, description="A Kubernetes control plane inside a notebook; this is its command line.")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {kubelab.__version__}")
    rooms = parser.add_subparsers(required=True, metavar="command")
    audit = rooms.add_parser("audit", help="what an audit log tells", description="What an audit log tells.", epilog=EPILOG)
    commands = audit.add_subparsers(required=True, metavar="what")
    _add_report(commands)
    _add_problems(commands)
    _add_sql(commands)
    for name, answer in sorted(_answers().items()):
        _add_answer(commands, name, answer)
    return parser


def _answers() -> dict[str, Callable[..., Any]]:
    from kubelab.auditlog import answers

    return {name: answers.function(name) for name in answers.ANSWERS if name not in ("only", "plot")}


# -- commands ----------------------------------------------------------------------------------------------------------------
def _add_report(commands: Any) -> None:
    report = _command(commands, "report", "one self-contained HTML page: tables and plots, to be handed in")
    report.add_argument("-o", "--output", default="report.html", help="the page (report.html)")
    report.add_argument("--title", default="", help="its heading")
    report.add_argument("--policy", default=None, help="a Policy, to say what it would have recorded of this log")
    report.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> None:
    with _read(options) as log:
        path = log.report(options.output, title=options.title, policy=options.policy)
    print(path)


def _add_problems(commands: Any) -> None:
    problems = _command(commands, "problems", "lines that are damaged or were skipped")
    _shape(problems)
    problems.set_defaults(run=_problems)


def _problems(options: argparse.Namespace) -> None:
    with _read(options) as log:
        counts = log.counts
        text = ", ".join(f"{number:,} {name}" for name, number in counts._asdict().items())
        print(text, file=sys.stderr)
        _show(log.problems, options)


def _add_sql(commands: Any) -> None:
    sql = _command(commands, "sql", "ask the table `calls` in SQL")
    sql.add_argument("--query", "-q", required=True, help="for example: SELECT verb, count(*) FROM calls GROUP BY verb")
    _shape(sql)
    sql.set_defaults(run=_sql)


def _sql(options: argparse.Namespace) -> None:
    import duckdb

    with _read(options) as log:
        try:
            found = log.sql(options.query)
        except duckdb.Error as error:
            raise ValueError(f"--query: {error}") from error
        _show(found, options)


def _add_answer(commands: Any, name: str, answer: Callable[..., Any]) -> None:
    text = (inspect.getdoc(answer) or "").replace("``", "")
    first = " ".join(text.partition("\n\n")[0].split()).partition(". ")[0]
    command = _command(commands, name.replace("_", "-"), first.rstrip("."), text)
    parameters = list(inspect.signature(answer, eval_str=True).parameters.values())[1:]
    for parameter in parameters:
        _option(command, parameter)
    _shape(command)
    command.set_defaults(run=_answer, answer=name, parameters=[parameter.name for parameter in parameters])


def _answer(options: argparse.Namespace) -> None:
    given = {name: getattr(options, f"given_{name}") for name in options.parameters}
    asked = {name: value for name, value in given.items() if value is not None}
    with _read(options) as log:
        found = getattr(log, options.answer)(**asked)
        if hasattr(found, "yaml"):
            print(found.yaml(), end="")
        elif hasattr(found, "totals"):
            for frame in (found.totals, found.rules, found.answers, found.unpriced):
                _show(frame, options)
                print()
        elif isinstance(found, list):
            print(*found, sep="\n")
        else:
            _show(found, options)


# -- options -----------------------------------------------------------------------------------------------------------------
def _command(commands: Any, name: str, summary: str, description: str = "") -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=summary.replace("%", "%%"),
        description=(description or f"{summary[0].upper()}{summary[1:]}.").replace("%", "%%"),
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("sources", nargs="+", metavar="SOURCE", help="the log")
    command.add_argument("--scan", action="store_true", help="out of core: for logs that do not fit into memory")
    return command  # type: ignore[no-any-return]


def _shape(command: argparse.ArgumentParser) -> None:
    command.add_argument("--format", choices=FORMATS, default="table", help="how it is printed (table)")
    command.add_argument("--columns", type=lambda text: text.split(","), metavar="A,B", help="the columns to show (all)")
    command.add_argument("--rows", type=int, default=40, help="rows of a table, 0 for all (40)")


def _option(command: argparse.ArgumentParser, parameter: inspect.Parameter) -> None:
    """A parameter of an answer as an option: text and numbers as they are, lists by commas, truth as a flag."""
    flag = f"--{parameter.name.replace('_', '-')}"
    kinds = _kinds(parameter.annotation)
    required = parameter.default is inspect.Parameter.empty
    shown = "" if required or parameter.default is None else f" ({parameter.default})"
    settings: dict[str, Any] = {
        "dest": f"given_{parameter.name}",
        "default": None,
        "required": required,
        "help": f"{shown}".strip().replace("%", "%%"),
    }
    if bool in kinds:
        command.add_argument(flag, action=argparse.BooleanOptionalAction, **settings)
    elif any(typing.get_origin(kind) in (list, tuple, Sequence) for kind in kinds):
        inner = next(typing.get_args(kind) for kind in kinds if typing.get_origin(kind) in (list, tuple, Sequence))
        make = float if float in inner else str
        command.add_argument(flag, type=lambda text: [make(part) for part in text.split(",")], metavar="A,B", **settings)
    elif float in kinds and str not in kinds:
        command.add_argument(flag, type=float, metavar="NUMBER", **settings)
    elif int in kinds:
        command.add_argument(flag, type=int, metavar="NUMBER", **settings)
    else:
        command.add_argument(flag, metavar="TEXT", **settings)


def _kinds(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


# -- reading and showing -----------------------------------------------------------------------------------------------------
def _read(options: argparse.Namespace) -> Any:
    from kubelab import auditlog

    log = (auditlog.scan if options.scan else auditlog.read)(options.sources)
    if log.counts.damaged:
        print(f"{PROGRAM}: {log.counts.damaged:,} damaged lines were left out: see `kubelab audit problems`", file=sys.stderr)
    return log


def _show(frame: Any, options: argparse.Namespace) -> None:
    from kubelab.report.table import text_table

    if options.columns:
        unknown = [name for name in options.columns if name not in frame.columns]
        if unknown:
            raise ValueError(f"--columns: there is no {unknown[0]!r}; there are {', '.join(map(str, frame.columns))}")
        beside = frame.attrs
        frame = frame[options.columns]
        frame.attrs = beside
    if options.format == "csv":
        print(frame.to_csv(index=False), end="")
    elif options.format == "json":
        print(frame.to_json(orient="records", date_format="iso", date_unit="us"))
    elif options.format == "markdown":
        print(_markdown(frame))
    else:
        print(text_table(frame, options.rows or None))
        for name, beside in (frame.attrs.get("beside") or {}).items():
            print(f"beside: {name.replace('_', ' ')} {beside}", file=sys.stderr)


def _markdown(frame: Any) -> str:
    from kubelab.report.table import cells

    rows = [[str(name) for name in frame.columns], ["---"] * len(frame.columns), *cells(frame)]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
