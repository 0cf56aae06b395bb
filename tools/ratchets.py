"""Functions of at most 70 lines, files of at most 700: what was longer when the rule came is listed in `ratchets.json` and may only shrink.

`python tools/ratchets.py` lowers the listed numbers to what is there now and drops what needs no exception any more; it never raises one.
"""

import ast
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

FUNCTION_LINES = 70
FILE_LINES = 700
ROOMS = ("kubelab", "tools", "benchmarks", "tests")
LISTED = "tools/ratchets.json"


def complaints(root: Path) -> list[str]:
    """One line for each function or file that is too long, or shorter than its listed number says."""
    allowed: dict[str, int] = json.loads((root / LISTED).read_text(encoding="utf-8"))
    return compare(dict(too_long(root)), allowed)


def compare(found: Mapping[str, int], allowed: Mapping[str, int]) -> list[str]:
    grown = [
        f"{name}: {lines} lines, allowed are {allowed.get(name) or limit(name)}; make two of it"
        for name, lines in found.items()
        if lines > allowed.get(name, limit(name))
    ]
    shrunk = [
        f"{name}: shorter than the {lines} lines listed in {LISTED}; run python tools/ratchets.py, so that it stays so"
        for name, lines in allowed.items()
        if found.get(name, 0) < lines
    ]
    return grown + shrunk


def limit(name: str) -> int:
    return FUNCTION_LINES if "::" in name else FILE_LINES


def too_long(root: Path) -> Iterator[tuple[str, int]]:
    """`path` or `path::Class.function`, and its length, for everything over its limit."""
    for path in sources(root):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(root).as_posix()
        if text.count("\n") > FILE_LINES:
            yield name, text.count("\n")
        for function, lines in functions(ast.parse(text, filename=name)):
            if lines > FUNCTION_LINES:
                yield f"{name}::{function}", lines


def sources(root: Path) -> list[Path]:
    return [root / "lab", *(path for room in ROOMS for path in sorted((root / room).rglob("*.py")))]


def functions(node: ast.AST, inside: str = "") -> Iterator[tuple[str, int]]:
    """Every function below `node`, by its qualified name, with its length from `def` to its last line."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from functions(child, inside)
            continue
        if not isinstance(child, ast.ClassDef):
            yield inside + child.name, (child.end_lineno or child.lineno) - child.lineno + 1
        yield from functions(child, f"{inside}{child.name}.")


def lower(root: Path) -> None:
    path = root / LISTED
    found = dict(too_long(root))
    allowed: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
    kept = {name: min(lines, found[name]) for name, lines in sorted(allowed.items()) if name in found}
    path.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    lower(Path(__file__).resolve().parent.parent)
    sys.exit(0)
