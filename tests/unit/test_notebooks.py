"""The notebooks: each is its `.py` with outputs, small, runs, shows the same words again, and its exercises can be checked and solved."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = sorted((ROOT / "notebooks").glob("*.py"))
MOST_BYTES = 1_000_000
LONGEST_LINE = 120
SECONDS_IN_PROSE = re.compile(r"\b(\d+\.\d) s\b")


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_notebooks", ROOT / "tools" / "make_notebooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = tool()
each_notebook = pytest.mark.parametrize("source", SOURCES, ids=[source.stem for source in SOURCES])


def committed(source: Path):
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def code(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_is_a_notebook_to_each_script_and_a_script_to_each_notebook():
    assert [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))] == [source.stem for source in SOURCES]
    assert [source.name[:2] for source in SOURCES] == ["00", "11", "12", "13", "14", "35", "36", "51"]


@each_notebook
def test_pair_is_equal(source):
    cells = [(cell.cell_type, cell.source, cell.metadata) for cell in committed(source).cells]
    assert cells == [(cell.cell_type, cell.source, cell.metadata) for cell in MAKE.read(source).cells], "run tools/make_notebooks.py"


@each_notebook
def test_committed_notebook_was_run_from_top_to_bottom_and_is_small(source):
    cells = code(committed(source))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert any("image/png" in output.get("data", {}) for output in cells[0].outputs), "the first cell shows a picture"
    assert source.with_suffix(".ipynb").stat().st_size <= MOST_BYTES


@each_notebook
def test_each_asks_one_question_and_ends_in_a_real_cluster(source):
    prose = [cell.source for cell in committed(source).cells if cell.cell_type == "markdown"]
    assert re.match(r"# .+\n\n\*\*.+\?\*\*", prose[0])
    assert prose[-1].startswith("## In a real cluster\n")
    assert "kl.widget." in "".join(cell.source for cell in code(committed(source)))


@each_notebook
def test_no_line_of_code_runs_out_of_its_cell(source):
    lines = [line for cell in code(committed(source)) for line in cell.source.splitlines()]
    assert [line for line in lines if len(line) > LONGEST_LINE] == []


@each_notebook
def test_each_exercise_has_a_check_and_a_solution_that_passes_it(source):
    cells = code(committed(source))
    exercises = [name for cell in cells for name in re.findall(r"^(\w+) = Exercise\(", cell.source, re.MULTILINE)]
    assert exercises
    for name in exercises:
        checking = [cell for cell in cells if f"{name}.check(" in cell.source]
        open_, solution = checking
        assert MAKE.texts(nbformat.v4.new_notebook(cells=[open_]))[0].count("Not yet") == 1
        assert solution.metadata == {"jupyter": {"source_hidden": True}, "tags": ["solution"]}
        assert "Solved" in MAKE.texts(nbformat.v4.new_notebook(cells=[solution]))[0]


@each_notebook
def test_seconds_in_the_prose_are_those_of_the_outputs(source):
    notebook = committed(source)
    shown = "\n".join(MAKE.texts(notebook))
    told = [found for cell in notebook.cells if cell.cell_type == "markdown" for found in SECONDS_IN_PROSE.findall(cell.source)]
    assert [seconds for seconds in told if seconds not in shown] == []


@each_notebook
def test_shows_the_same_words_when_run_again(source):
    before = committed(source)
    pairs = zip(code(before), MAKE.texts(before), MAKE.texts(MAKE.execute(MAKE.read(source))), strict=True)
    changed = {cell.source: (then, now) for cell, then, now in pairs if then != now}
    assert changed == {}, "run tools/make_notebooks.py, and look at what changed"
