"""Runs the notebooks and writes them, with what they show, as one HTML page: `./lab report` writes `build/report.html`.

Numbers on the command line choose notebooks (`./lab report 00 11`). Each runs in a kernel of its own; the first cell that fails ends it.
"""

import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
PAGE = ROOT / "build" / "report.html"
CELL_SECONDS = 300


def main(chosen: list[str]) -> int:
    paths = [path for path in sorted(NOTEBOOKS.glob("*.ipynb")) if not chosen or path.name.startswith(tuple(chosen))]
    if not paths:
        print(f"no notebook in {NOTEBOOKS.relative_to(ROOT)} begins with {' or '.join(chosen) or 'anything'}", file=sys.stderr)
        return 1
    try:
        executed = [execute(path) for path in paths]
    except CellExecutionError as failure:
        print(failure, file=sys.stderr)
        return 1
    page, _ = HTMLExporter(embed_images=True).from_notebook_node(joined(executed))
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page, encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {len(paths)} notebooks")
    return 0


def execute(path: Path) -> Any:
    begun = time.monotonic()
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=CELL_SECONDS, resources={"metadata": {"path": str(path.parent)}}).execute()
    print(f"{path.name}: {time.monotonic() - begun:.1f} s", flush=True)
    return notebook


def joined(notebooks: list[Any]) -> Any:
    """One notebook of all their cells, under the first one's metadata; cell ids are made anew, for they are unique per notebook only."""
    whole = nbformat.v4.new_notebook(metadata=notebooks[0].metadata)
    whole.cells = [cell for notebook in notebooks for cell in notebook.cells]
    for number, cell in enumerate(whole.cells):
        cell["id"] = f"cell-{number}"
    whole.metadata["title"] = "kubelab report"
    return whole


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
