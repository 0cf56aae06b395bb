"""Draws the pictures of the documentation into `docs/images/`: run it again when what they show has changed.

`rollout.png` is `c.plot.rollout` of a real rollout; `architecture.png` is drawn from the import layers of `pyproject.toml`.
"""

import re
import sys
import tomllib
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

import kubelab as kl
from kubelab.plot import style

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
UPDATE = {"spec": {"template": {"spec": {"containers": [{"name": "zookeeper", "image": "zookeeper:3.8.4"}]}}}}

#: Room → what its floor is for, and the floor's colour. One room of a floor is enough.
FLOORS = {
    "cli": ("doors: the command line", style.PALE),
    "exercises": ("exercises that check themselves", style.PALE),
    "widget": ("widgets", style.PALE),
    "plot": ("pictures", style.PALE),
    "display": ("what a notebook shows of an object", style.PALE),
    "frames": ("DataFrames from the log", style.PALE),
    "cluster": ("the front door: kl.Cluster", style.YELLOW),
    "controllers": ("components: watch, observe, plan", style.SKY),
    "cri": ("the containers: runtime, programs, shell", style.SKY),
    "engine": ("runs components: wakes, queues, clients", style.ORANGE),
    "apiserver": ("the request line: every call of every caller", style.ORANGE),
    "kinds": ("the log and its views; what each kind is", style.LIGHT),
    "world": ("time, wakes, chance, timing", style.LIGHT),
}


def main() -> int:
    IMAGES.mkdir(parents=True, exist_ok=True)
    rollout(IMAGES / "rollout.png")
    architecture(IMAGES / "architecture.png")
    return 0


def rollout(path: Path) -> None:
    """ZooKeeper rolled out and updated, as `./lab demo` does it."""
    cluster = kl.Cluster(nodes=5, seed=7)
    cluster.apply(ROOT / "data" / "manifests" / "zookeeper.yaml")
    cluster.run(until="statefulset/zk ready", timeout="10m").run("15s")
    cluster.patch("statefulset/zk", UPDATE)
    cluster.run(until="statefulset/zk ready", timeout="10m").run("15s")
    cluster.plot.rollout("statefulset/zk").figure.savefig(path, dpi=120, bbox_inches="tight")


def layers() -> list[list[str]]:
    """The layers that import-linter holds, highest first, each as the rooms that exist today."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    floors = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    rooms = [re.findall(r"\((\w+)\)", layer) for layer in floors]
    present = [[room for room in layer if path_of(room).exists()] for layer in rooms]
    return [layer for layer in present if layer]


def path_of(room: str) -> Path:
    """A room is a folder or a single module."""
    folder = ROOT / "kubelab" / room
    return folder if folder.exists() else folder.with_suffix(".py")


def floor(rooms: list[str]) -> tuple[str, str]:
    """What a floor is for, and its colour; KeyError where the table above has none of its rooms."""
    known = [FLOORS[room] for room in rooms if room in FLOORS]
    if not known:
        raise KeyError(f"tools/make_images.py does not know the floor of {', '.join(rooms)}")
    return known[0]


def architecture(path: Path) -> None:
    """Floors as rows, rooms as boxes; an arrow at the side says where imports may go."""
    rows = layers()
    with plt.rc_context(style.SHEET):
        figure, ax = plt.subplots(figsize=(9, 0.62 * len(rows) + 0.9))
        for number, rooms in enumerate(rows):
            y = len(rows) - number
            words, colour = floor(rooms)
            for place, room in enumerate(rooms):
                width = 5.6 / len(rooms)
                box = FancyBboxPatch((0.4 + place * width, y), width - 0.12, 0.66, boxstyle="round,pad=0.02,rounding_size=0.06")
                box.set(facecolor=colour, edgecolor=style.GREY, linewidth=0.8)
                ax.add_patch(box)
                ax.text(
                    0.4 + place * width + (width - 0.12) / 2,
                    y + 0.33,
                    path_of(room).name + "/" * path_of(room).is_dir(),
                    ha="center",
                    va="center",
                    color=style.INK,
                    weight="bold",
                )
            ax.text(6.1, y + 0.33, words, va="center", color=style.INK)
        ax.add_patch(
            FancyArrowPatch((0.12, len(rows) + 0.6), (0.12, 1.0), arrowstyle="-|>", mutation_scale=14, color=style.GREY, linewidth=1.4)
        )
        ax.text(0.0, (len(rows) + 1.6) / 2, "imports go down only", rotation=90, ha="center", va="center", color=style.GREY)
        ax.set(xlim=(-0.1, 9.6), ylim=(0.85, len(rows) + 0.85))
        ax.set_axis_off()
        ax.set_title("The house: one room per job, one floor upon another")
        figure.savefig(path, dpi=120, bbox_inches="tight")


if __name__ == "__main__":
    sys.exit(main())
