"""A small shell in virtual time: what `sh -c "…"` containers run.

Upstream's counterpart is busybox's ash: the words and exit codes are its. A script is parsed to a syntax tree (`syntax`,
`parser`), flattened to instructions (`code`), and run by a machine (`machine`) whose whole state is data (`state`): it can
stop inside any construct, be copied, saved, and go on later.
"""

from kubelab.cri.shell.machine import advance, exit_code, next_wake_ns, run_to_end, serving, signal, start
from kubelab.cri.shell.state import ShellState

__all__ = ["ShellState", "advance", "exit_code", "next_wake_ns", "run_to_end", "serving", "signal", "start"]
