"""Makes the notebooks from the `.py` beside them, with all their outputs: run it again when what they show has changed.

`python tools/make_notebooks.py 11` makes those whose names begin with 11. Ids and times that say nothing are left out or counted, so that the same
cells with the same outputs give the same file.
"""

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
CELL_SECONDS = 300
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
TAG = re.compile(r"<style.*?</style>|<[^>]*>", re.DOTALL)
WIDGET_ID = re.compile(r'(?<=["_])[0-9a-f]{32}(?=")')
WIDGETS = "application/vnd.jupyter.widget-state+json"


def main(chosen: list[str]) -> int:
    for source in sorted(NOTEBOOKS.glob("*.py")):
        if chosen and not source.name.startswith(tuple(chosen)):
            continue
        begun = time.monotonic()
        path = source.with_suffix(".ipynb")
        path.write_text(written(execute(read(source))), encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {time.monotonic() - begun:.1f} s, {path.stat().st_size / 1000:.0f} kB", flush=True)
    return 0


def read(source: Path) -> Any:
    """The notebook of a percent script, without outputs."""
    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02}"
        cell.metadata.pop("lines_to_next_cell", None)
    notebook.metadata = {
        "jupytext": {"formats": "ipynb,py:percent"},
        "kernelspec": KERNEL,
        "language_info": {"name": "python"},
    }
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def execute(notebook: Any) -> Any:
    """Run all cells in a kernel of their own, in the folder of the notebooks; a cell that fails raises."""
    path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH")) if part)
    client = NotebookClient(notebook, timeout=CELL_SECONDS, record_timing=False, resources={"metadata": {"path": str(NOTEBOOKS)}})
    # a bar on a run that takes long would be an output that depends on the machine
    client.execute(env={**os.environ, "PYTHONPATH": path, "KUBELAB_PROGRESS": "off"})
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def written(notebook: Any) -> str:
    """The notebook's text; ids of widgets, which are drawn by lot, are counted."""
    text = nbformat.writes(notebook)
    made = notebook.metadata.get("widgets", {}).get(WIDGETS, {}).get("state", {})  # in the order in which the cells made them
    ids = {found: f"{number:032x}" for number, found in enumerate(dict.fromkeys([*made, *WIDGET_ID.findall(text)]))}
    text = WIDGET_ID.sub(lambda match: ids[match[0]], text)
    return json.dumps(json.loads(text), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def texts(notebook: Any) -> list[str]:
    """What each code cell prints or shows as text, pictures and widgets left out."""
    return ["".join(_text(output) for output in cell.get("outputs", ())) for cell in notebook.cells if cell.cell_type == "code"]


def _text(output: Any) -> str:
    if output.output_type == "stream":
        return str(output.text)
    data = output.get("data", {})
    pictured = any(kind.startswith(("image/", "application/vnd.jupyter.widget")) for kind in data)
    return "" if pictured else TAG.sub(" ", str(data.get("text/html") or data.get("text/plain", "")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
