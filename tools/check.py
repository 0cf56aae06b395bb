"""What a change must pass before it is handed in: lint, format, types, layers, ratchets, determinism. `./lab check` runs it.

Each part prints its name, whether it passed, how long it took, and its own words only where it failed.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import determinism
import ratchets

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    tools = {
        "types": start("mypy"),  # the slowest one starts first and runs beside the others
        "lint": start("ruff", "check", "--quiet", "--output-format", "concise", "."),
        "format": start("ruff", "format", "--check", "--quiet", "."),
        "layers": start("lint-imports", "--no-logo") if (ROOT / "kubelab" / "__init__.py").exists() else None,
    }
    results = [report("ratchets", lambda: ratchets.complaints(ROOT)), report("determinism", lambda: determinism.complaints(ROOT))]
    results += [report(name, lambda process=process: words_of(process)) for name, process in tools.items() if process]
    failed = results.count(False)
    print(f"{failed} of {len(results)} checks failed" if failed else f"all {len(results)} checks passed")
    return 1 if failed else 0


def start(tool: str, *arguments: str) -> subprocess.Popen[str]:
    """Starts a tool of the environment that runs this file, whatever PATH says."""
    program = Path(sys.executable).with_name(tool + (".exe" if os.name == "nt" else ""))
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONPATH"
    }  # or mypy takes kubelab for an installed package
    return subprocess.Popen(
        [str(program), *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", env=environment
    )


def words_of(process: subprocess.Popen[str]) -> list[str]:
    output, _ = process.communicate()
    return (output.splitlines() or [f"exit code {process.returncode}"]) if process.returncode else []


def report(name: str, part: Callable[[], list[str]]) -> bool:
    begun = time.monotonic()
    complaints = part()
    print(f"{'FAILED' if complaints else 'passed'}  {name:12} {time.monotonic() - begun:5.1f} s", flush=True)
    for line in complaints:
        print(f"    {line}")
    return not complaints


if __name__ == "__main__":
    sys.exit(main())
