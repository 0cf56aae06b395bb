"""A small shell in virtual time: what `sh -c "…"` containers run.

Upstream's counterpart is busybox's ash: the words and exit codes are its. A script is parsed to a syntax tree (`syntax`,
`parser`), flattened to instructions (`code`), and run by a machine (`machine`) whose whole state is data (`state`): it can
stop inside any construct, be copied, saved, and go on later.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kubelab.cri.shell.state import ShellState

if TYPE_CHECKING:
    from kubelab.cri.shell.binaries import missing
    from kubelab.cri.shell.machine import advance, exit_code, next_wake_ns, run_to_end, serving, signal, start

__all__ = ["ShellState", "advance", "exit_code", "missing", "next_wake_ns", "run_to_end", "serving", "signal", "start"]


def __getattr__(name: str) -> Any:
    """The machine is imported when the first shell runs: most containers never need it, and every start of the lab would pay for it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"kubelab.cri.shell.{'binaries' if name == 'missing' else 'machine'}"), name)
