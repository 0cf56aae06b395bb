"""The set-up: `lab`, the declared dependencies, `./lab check`'s own guards, and the manifests that the repository ships."""

import importlib.machinery
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def load(path: str, name: str) -> ModuleType:
    loader = importlib.machinery.SourceFileLoader(name, str(ROOT / path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))  # type: ignore[arg-type]
    loader.exec_module(module)
    return module


@pytest.fixture
def lab(monkeypatch, tmp_path):
    """`lab` beside a made-up checkout in `tmp_path`, which has a pyproject.toml and nothing else."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    module = load("lab", "lab_under_test")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "lab-stamp.json")
    declare(tmp_path, "pyyaml>=6.0")
    return module


def declare(root: Path, *dependencies: str) -> None:
    listed = json.dumps(list(dependencies))
    extras = '[project.optional-dependencies]\ndev = ["pytest>=8"]\n'
    (root / "pyproject.toml").write_text(f'[project]\nname = "pyyaml"\nversion = "1"\ndependencies = {listed}\n{extras}', encoding="utf-8")


def this_environment(lab: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """An existing environment that is the one of this test run; returns the installations that `lab` begins."""
    installed: list[list[str]] = []
    lab.VENV.mkdir()
    monkeypatch.setattr(lab, "venv_python", lambda: Path(sys.executable))
    monkeypatch.setattr(lab, "install", lambda python, extras: installed.append(extras))
    return installed


# Dependencies


def test_conda_and_pip_declare_the_same_packages():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    conda = [line for line in listed if isinstance(line, str) and line != "pip"]
    extras = [requirement for extra in ("notebook", "analysis", "cri") for requirement in PROJECT["optional-dependencies"][extra]]
    pip = [re.sub(r"^duckdb", "python-duckdb", requirement) for requirement in extras]  # conda-forge's name of it
    assert conda == [f"python{PROJECT['requires-python']}", *PROJECT["dependencies"], *pip]
    assert {"pip": ["--editable ."]} in listed


def test_each_dependency_has_its_reason_once():
    rows = re.findall(r"^\| ([A-Za-z0-9-]+) \| \S.*\|$", (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8"), re.MULTILINE)
    documented = [name for name in rows if name != "package"]
    extras = [requirement for extra in PROJECT["optional-dependencies"].values() for requirement in extra]
    declared = [re.match(r"[A-Za-z0-9-]+", line).group() for line in [*PROJECT["dependencies"], *extras, "hatchling"]]
    assert documented == declared


def test_every_extra_that_lab_asks_for_is_declared(lab):
    assert {extra for extras in lab.EXTRAS.values() for extra in extras} == set(PROJECT["optional-dependencies"])
    assert lab.EXTRAS.keys() == lab.COMMANDS.keys()


# lab: the environment


def test_an_environment_that_already_has_everything_is_accepted(lab, monkeypatch):
    installed = this_environment(lab, monkeypatch)
    assert lab.environment(("dev",)) == Path(sys.executable)
    assert installed == []
    assert json.loads(lab.STAMP.read_text())["extras"] == ["dev"]


def test_what_is_missing_is_installed_once(lab, monkeypatch):
    installed = this_environment(lab, monkeypatch)
    declare(lab.ROOT, "pyyaml>=6.0", "no-such-package>=1")
    lab.environment(())
    lab.environment(())
    assert installed == [[]]


def test_a_package_that_is_too_old_counts_as_missing(lab, monkeypatch):
    installed = this_environment(lab, monkeypatch)
    declare(lab.ROOT, "pyyaml>=999")
    lab.environment(())
    assert installed == [[]]


def test_a_changed_pyproject_is_looked_at_again_with_the_extras_of_before(lab, monkeypatch):
    installed = this_environment(lab, monkeypatch)
    lab.environment(("dev",))
    declare(lab.ROOT, "no-such-package>=1")
    lab.environment(())
    assert installed == [["dev"]]


def test_a_broken_stamp_is_no_stamp(lab, monkeypatch):
    this_environment(lab, monkeypatch)
    lab.STAMP.write_text("{")
    assert lab.environment(()) == Path(sys.executable)
    assert json.loads(lab.STAMP.read_text())["extras"] == []


@pytest.mark.parametrize("absent", ["venv", "ensurepip"])
def test_a_python_without_venv_is_told_what_to_install(lab, monkeypatch, capsys, absent):
    monkeypatch.setattr(lab.shutil, "which", lambda name: None)
    monkeypatch.setattr(lab.importlib.util, "find_spec", lambda name: None if name == absent else object())
    assert lab.main(["test"]) == 1
    words = capsys.readouterr().err
    assert f"has no {absent}" in words
    assert "apt install python3-venv" in words


def test_an_old_python_is_told_which_one_is_needed(lab, monkeypatch, capsys):
    monkeypatch.setattr(lab.shutil, "which", lambda name: None)
    monkeypatch.setattr(lab.sys, "version_info", (3, 9, 2))
    assert lab.main(["check"]) == 1
    assert "Python 3.11 or newer is needed" in capsys.readouterr().err


def test_uv_makes_the_environment_where_it_is_there(lab, monkeypatch):
    called: list[list[str]] = []
    monkeypatch.setattr(lab.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(lab, "call", called.append)
    monkeypatch.setattr(lab, "missing", lambda python, extras: ["kubelab"])
    lab.VENV.mkdir()
    lab.environment(("dev",))
    assert [line[:3] for line in called] == [["/bin/uv", "venv", "--quiet"], ["/bin/uv", "pip", "install"]]
    assert called[1][-1] == f"{lab.ROOT}[dev]"


# lab: the commands


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], ["-n", "auto", "--dist", "worksteal", "-m", "not long"]),
        (["--long"], ["-n", "auto", "--dist", "worksteal"]),
        (["tests/unit", "-x"], ["-m", "not long", "tests/unit", "-x"]),
        (["-m", "real"], ["-m", "real"]),
    ],
)
def test_what_pytest_is_given(lab, monkeypatch, given, expected):
    ran: list[list] = []
    monkeypatch.setattr(lab, "run", lambda command, **_: ran.append(command) or 0)
    assert lab.run_tests(Path("python"), given) == 0
    assert ran == [[Path("python"), "-m", "pytest", *expected]]


def test_arguments_after_the_command_are_its_own(lab, monkeypatch):
    monkeypatch.setattr(lab, "environment", lambda extras: Path("python"))
    monkeypatch.setitem(lab.COMMANDS, "test", lambda python, rest: rest)
    assert lab.main(["test", "--long", "-k", "check", "--help"]) == ["--long", "-k", "check", "--help"]


def test_a_benchmark_that_is_not_there_is_named_with_those_that_are(lab, capsys, monkeypatch):
    monkeypatch.setattr(lab, "environment", lambda extras: Path("python"))
    (lab.ROOT / "benchmarks").mkdir()
    (lab.ROOT / "benchmarks" / "bench_fork.py").touch()
    assert lab.main(["bench", "forkk"]) == 1
    assert "no benchmark matches forkk; there are: bench_fork" in capsys.readouterr().err


def test_an_unknown_command_lists_the_commands():
    done = subprocess.run([sys.executable, str(ROOT / "lab"), "tset"], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 2
    assert "'tset'" in done.stderr
    assert "report" in done.stderr


def test_lab_is_read_by_an_old_python_too():
    """So that a Python 3.8 says which Python is needed, and not where its syntax error is."""
    compile_like_38 = "import ast, sys; ast.parse(open(sys.argv[1], encoding='utf-8').read(), feature_version=(3, 8))"
    subprocess.run([sys.executable, "-c", compile_like_38, str(ROOT / "lab")], check=True)


# Guards


@pytest.fixture(scope="module")
def determinism():
    return load("tools/determinism.py", "determinism")


@pytest.fixture(scope="module")
def ratchets():
    return load("tools/ratchets.py", "ratchets")


@pytest.mark.parametrize(
    "source",
    [
        "import random",
        "from random import choice",
        "import time\nnow = time.time()",
        "from time import monotonic",
        "import datetime\nnow = datetime.datetime.now()",
        "from datetime import datetime\nnow = datetime.now()",
        "import uuid\nname = uuid.uuid4()",
        "key = hash('a')",
        "objects.sort(key=id)",
        "for pod in {1, 2}: print(pod)",
        "pods = set(names)\nfor pod in pods: print(pod)",
        "pods = set(names)\nfirst = next(iter(pods))",
        "pods = set(names)\nfirst = pods.pop()",
        "text = ', '.join({'a', 'b'})",
        "both = list(a.keys() & b.keys())",
        "def plan(pods: set[str]) -> list[str]:\n    return [pod for pod in pods]",
        "def plan(pods: frozenset[str] | None) -> tuple[str, ...]:\n    return tuple(pods)",
        "def plan(a, b):\n    gone = set(a) - set(b)\n    return {name: 1 for name in gone}",
        "class Queue:\n    waiting: set[str]\n    def all(self):\n        return list(self.waiting)",
        "def plan(names):\n    return [*set(names)]",
    ],
)
def test_what_would_differ_from_run_to_run_is_refused(determinism, source):
    assert determinism.examine(source)


@pytest.mark.parametrize(
    "source",
    [
        "for pod in sorted({1, 2}): print(pod)",
        "pods = set(names)\nready = len(pods), any(pod for pod in pods), 'a' in pods",
        "pods = set(names)\nothers = {pod + 1 for pod in pods}",
        "pods = dict.fromkeys(names)\nfor pod in pods: print(pod)",
        "def a():\n    pods = set()\n    return pods\ndef b(pods: list[str]):\n    return [pod for pod in pods]",
        "cache.pop(name)\nqueue: list[str] = []\nqueue.pop()",
        "same = id(a) == id(b)  # order-free: an identity test only",
        "for name in obj.keys(): print(name)",
        "from kubelab.world.streams import Streams\nstreams.uniform('jitter')",
    ],
)
def test_what_is_the_same_in_every_run_passes(determinism, source):
    assert determinism.examine(source) == []


def test_a_waiver_needs_a_reason(determinism):
    assert determinism.examine("key = id(a)  # order-free:")


def test_the_control_plane_keeps_the_order_of_its_inputs(determinism):
    assert determinism.complaints(ROOT) == []


@pytest.mark.parametrize(
    ("found", "allowed", "complaint"),
    [
        ({}, {}, None),
        ({"a.py::plan": 80}, {"a.py::plan": 80}, None),
        ({"a.py::plan": 71}, {}, "a.py::plan: 71 lines, allowed are 70"),
        ({"a.py": 701}, {}, "a.py: 701 lines, allowed are 700"),
        ({"a.py::plan": 81}, {"a.py::plan": 80}, "a.py::plan: 81 lines, allowed are 80"),
        ({"a.py::plan": 79}, {"a.py::plan": 80}, "a.py::plan: shorter than the 80 lines listed"),
        ({}, {"a.py": 720}, "a.py: shorter than the 720 lines listed"),
    ],
)
def test_what_is_too_long_may_only_shrink(ratchets, found, allowed, complaint):
    said = ratchets.compare(found, allowed)
    assert [line.startswith(complaint) for line in said] == [True] if complaint else said == []


# Manifests

#: 1.28's published schema requires onPodConditions of every pod failure rule; its API server does not.
STRICTER_THAN_THE_SERVER = "job-pod-failure-policy-failjob.yaml"
FOLDERS = ("data/manifests", "tests/data/documentation")
MANIFESTS = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.yaml")) if path.name != STRICTER_THAN_THE_SERVER]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_manifests_are_what_the_published_schemas_of_1_28_say(path):
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    for manifest in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        if manifest["apiVersion"].startswith("lab.kubelab.dev/"):
            continue  # the lab's own group has no published schema
        kubernetes_validate.validate(manifest, "1.28", strict=True)


def test_every_documentation_manifest_names_its_page():
    folder = ROOT / "tests" / "data" / "documentation"
    listed = re.findall(r"^\| `([^`]+)` \|", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert listed == sorted(path.name for path in folder.glob("*.yaml"))
