"""Which commands are programs of their own, that a runtime can start without a shell around them.

upstream: opencontainers/runc libcontainer (standard_init_linux.go, setns_init_linux.go), whose words are Go's os/exec LookPath.
"""

from __future__ import annotations

from kubelab.cri.api import World
from kubelab.cri.shell.commands import COMMANDS
from kubelab.cri.shell.files import FileView
from kubelab.cri.shell.state import SHELLS, ShellState

ONLY_IN_A_SHELL = (
    "command", "type", "let", "set", ".", "source", "eval", "exit", "return", "trap", "wait", "export", "unset", "shift", "read",
    "readonly", "local", "declare", "cd", "break", "continue",
)  # fmt: skip
_SEARCHED = ("/bin", "/usr/bin", "/sbin", "/usr/sbin")


def is_binary(name: str) -> bool:
    """Whether the small shell's world has a program of that name, a path or not."""
    folder, _, base = name.rpartition("/")
    return base in SHELLS or ((not folder or folder in _SEARCHED) and base in COMMANDS and base not in ONLY_IN_A_SHELL)


def missing(state: ShellState, argv: tuple[str, ...], world: World) -> str:
    """Why a command cannot be started, in runc's words; empty if it can."""
    name = argv[0]
    if is_binary(name) or world.command(list(argv)) is not None:
        return ""
    if "/" not in name:
        return f'unable to start container process: exec: "{name}": executable file not found in $PATH: unknown'
    files = FileView(state.files, state.mounts, state.hostname, state.namespace, world, state.domain)
    path = name if name.startswith("/") else f"{state.processes[0].directory.rstrip('/')}/{name}"
    if files.is_file(path):
        return ""
    return f'unable to start container process: exec: "{name}": stat {name}: no such file or directory: unknown'
