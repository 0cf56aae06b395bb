"""The documentation: what it names exists, what exists is named, its examples run, its links resolve."""

from __future__ import annotations

import ast
import doctest
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest

import kubelab as kl
from kubelab.cluster import faults
from kubelab.frames import Frames
from kubelab.plot import Plot

matplotlib.use("Agg")

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md", *sorted(DOCS.rglob("*.md"))]
FRONT_DOOR = (DOCS / "front-door.md").read_text(encoding="utf-8")
#: Virtual times shift by milliseconds when a component makes a call more or less; a page need not follow.
TOLERANCE = 0.02

examples = pytest.mark.parametrize(
    "page",
    [
        page
        for page in PAGES
        if re.search(r"^>>> ", "".join(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)), re.M)
    ],
    ids=lambda page: page.name,
)
marked = pytest.mark.parametrize(
    "page", [page for page in PAGES if "<!-- run: " in page.read_text(encoding="utf-8")], ids=lambda page: page.name
)


def public(cls: type) -> list[str]:
    return [name for name in vars(cls) if not name.startswith("_")]


# What exists is named


@pytest.mark.parametrize("name", [*public(kl.Cluster), "c["])
def test_every_public_name_of_a_cluster_is_documented(name):
    assert re.search(rf"`(c\.)?{re.escape(name)}\b" if name != "c[" else r"`c\[", FRONT_DOOR), f"{name} is missing in docs/front-door.md"


@pytest.mark.parametrize("name", kl.__all__)
def test_every_public_name_of_the_package_is_documented(name):
    assert f"kl.{name}" in FRONT_DOOR, f"kl.{name} is missing in docs/front-door.md"


@pytest.mark.parametrize(("accessor", "cls"), [("frames", Frames), ("plot", Plot)])
def test_the_tables_of_frames_and_plots_are_complete(accessor, cls):
    table = FRONT_DOOR.partition(f"| `c.{accessor}.` |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"^\| `(\w+)\(", table, re.MULTILINE)) == sorted(public(cls))


def test_every_built_fault_is_documented():
    rows = re.findall(r"^\| `(\w+)` \|", (DOCS / "faults.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(faults.BUILT)


def test_every_command_of_lab_is_documented_and_none_is_made_up():
    source = ast.parse((ROOT / "lab").read_text(encoding="utf-8"))
    table = next(node.value for node in source.body if isinstance(node, ast.Assign) and node.targets[0].id == "COMMANDS")
    commands = {key.value for key in table.keys}
    readers = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert set(re.findall(r"\./lab ([a-z]+)", readers)) == commands - {"notebook"}
    assert re.search(r"^\./lab +#", readers, re.MULTILINE)


def test_every_step_of_the_line_is_in_the_architecture():
    source = ast.parse((ROOT / "kubelab" / "apiserver" / "line.py").read_text(encoding="utf-8"))
    serve = next(node for node in source.body if isinstance(node, ast.FunctionDef) and node.name == "serve")
    called = {ast.unparse(node.func) for node in ast.walk(serve) if isinstance(node, ast.Call)}
    steps = {name for name in called if name.startswith(("check.", "chain.", "write.")) or name in ("resolve", "special_handler")}
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    assert steps
    assert [step for step in sorted(steps) if f"`{step}`" not in page] == []


def test_every_field_of_a_saved_world_is_documented(tmp_path):
    import gzip
    import json

    with gzip.open(kl.Cluster(nodes=1).save(tmp_path / "a.klab")) as file:
        lines = [json.loads(line) for line in file]
    page = (DOCS / "format.md").read_text(encoding="utf-8")
    assert [name for name in lines[0] if name not in ("format", "version") and f"`{name}`" not in page] == []
    assert [kind for kind in {line[0] for line in lines[1:]} if f'["{kind}"' not in page] == []


# What is named exists


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_resolve(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not link.startswith(("https://", "http://", "#"))]
    assert [link for link in targets if not (page.parent / link.partition("#")[0]).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_are_there(page):
    named = re.findall(r"`((?:kubelab|tests|tools|docs|data|benchmarks)/[\w./-]+\.(?:py|md|json|yaml))`", page.read_text(encoding="utf-8"))
    new = {"kubelab/kinds/storage/csistoragecapacity.py", "kubelab/controllers/ttl/controller.py", "kubelab/controllers/ttl/__init__.py"}
    new.add("kubelab/plot/restarts.py")
    assert [name for name in named if name not in new and not (ROOT / name).exists()] == []


def test_the_picture_of_the_house_knows_every_layer():
    script = "import sys; sys.path.insert(0, 'tools'); import make_images as m; assert all(m.floor(rooms) for rooms in m.layers())"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


# Examples run


class Checker(doctest.OutputChecker):
    """Words as they are written; numbers with a decimal point within the tolerance."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        number = re.compile(r"\d+\.\d+")
        if super().check_output(want, got, optionflags):
            return True
        if not super().check_output(number.sub("0.0", want), number.sub("0.0", got), optionflags):
            return False
        pairs = zip(number.findall(want), number.findall(got), strict=True)
        return all(abs(float(a) - float(b)) <= max(TOLERANCE * float(a), 0.1) for a, b in pairs)


@examples
def test_examples_say_what_happens(page, monkeypatch):
    monkeypatch.chdir(ROOT)
    text = page.read_text(encoding="utf-8")
    only_python = re.sub(r"```(?!python)\w+\n.*?```", lambda block: "\n" * block[0].count("\n"), text, flags=re.DOTALL)
    test = doctest.DocTestParser().get_doctest(only_python, {}, page.name, str(page), 0)
    said: list[str] = []
    doctest.DocTestRunner(Checker(), verbose=False).run(test, out=said.append)
    assert said == []


@marked
def test_marked_blocks_run(page):
    """The blocks of a page with the same mark are one program."""
    programs: dict[str, list[str]] = {}
    for mark, block in re.findall(r"<!-- run: (\w+) -->\n```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        programs.setdefault(mark, []).append(block)
    for mark, blocks in programs.items():
        later = [re.sub(r"^from __future__ .*$", "", block, flags=re.MULTILINE) for block in blocks[1:]]
        space = {"__name__": f"kubelab_page_{mark}"}
        module = type(sys)(space["__name__"])
        sys.modules[module.__name__] = module
        exec(compile("\n".join([blocks[0], *later]), f"{page.name}: {mark}", "exec"), module.__dict__)
        del sys.modules[module.__name__]
