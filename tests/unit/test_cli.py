"""The command line: each answer is a subcommand, and what goes wrong is a line on stderr."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from kubelab import cli
from kubelab.auditlog import answers

LOG = str(Path(__file__).parents[1] / "data" / "auditlog" / "busy-seconds.jsonl.gz")
NO_COMMAND = {"only", "plot"}  # they give a log and an accessor, nothing that could be printed
NEEDS = {"rbac": ["--user", "admin"], "what_if": ["--policy", "Metadata"], "anomalies": ["--window", "1s"]}


@pytest.mark.parametrize("name", sorted(set(answers.ANSWERS) - NO_COMMAND))
def test_every_answer_is_a_command(name, capsys):
    code = cli.main(["audit", name.replace("_", "-"), LOG, "--rows", "2", *NEEDS.get(name, [])])
    assert code == 0, capsys.readouterr().err


def test_options_are_the_parameters_of_the_call(capsys):
    assert cli.main(["audit", "requests", LOG, "--by", "verb", "--top", "2", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 2 and set(rows[0]) >= {"verb", "calls", "background"}


@pytest.mark.parametrize(
    ("format", "first"),
    [("csv", "verb,calls"), ("markdown", "| verb | calls |"), ("table", "VERB")],
)
def test_a_table_is_printed_as_asked(capsys, format, first):
    assert cli.main(["audit", "requests", LOG, "--by", "verb", "--columns", "verb,calls", "--format", format]) == 0
    assert capsys.readouterr().out.startswith(first)


def test_roles_come_as_yaml(capsys):
    assert cli.main(["audit", "rbac", LOG, "--user", "admin"]) == 0
    assert {obj["kind"] for obj in yaml.safe_load_all(capsys.readouterr().out)} & {"Role", "ClusterRole"}


def test_sql_and_the_report(capsys, tmp_path):
    assert cli.main(["audit", "sql", LOG, "-q", "SELECT count(*) AS calls FROM calls", "--format", "csv"]) == 0
    assert int(capsys.readouterr().out.split()[1]) > 100
    assert cli.main(["audit", "report", LOG, "-o", str(tmp_path / "r.html")]) == 0
    assert (tmp_path / "r.html").stat().st_size > 100_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["requests", "no-such-file"], "no-such-file"),
        (["requests", LOG, "--by", "colour"], "by='colour' is no column to group by"),
        (["requests", LOG, "--columns", "colour"], "--columns: there is no 'colour'; there are user"),
        (["what-if", LOG, "--policy", "{kind: Policy}"], "failed decoding"),
        (["report", LOG, "-o", "."], "is a folder"),
        (["sql", LOG, "-q", "SELECT colour FROM calls"], '--query: Binder Error: Referenced column "colour" not found'),
    ],
)
def test_what_goes_wrong_is_said_in_a_line(capsys, arguments, words):
    assert cli.main(["audit", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("kubelab: ") and words in error and "Traceback" not in error


def test_a_reader_that_has_enough_is_no_error(monkeypatch):
    """``kubelab audit … | head``"""

    def closed(frame, options):
        raise BrokenPipeError(32, "Broken pipe")

    said = io.StringIO()
    monkeypatch.setattr(cli, "_show", closed)
    monkeypatch.setattr("sys.stderr", SimpleNamespace(write=said.write, flush=said.flush, close=lambda: None))
    assert cli.main(["audit", "clients", LOG]) == 0
    assert said.getvalue() == ""
