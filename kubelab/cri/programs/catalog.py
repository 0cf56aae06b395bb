"""Which program runs in a container: the readers' own first, then the lab's, then `forever`."""

from __future__ import annotations

from typing import Any, TypeVar

from kubelab.cri.api import Program

_registered: dict[str, Program] = {}
_builtin: dict[str, Program] = {}
_chosen: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Program] = {}
_CHOICES_KEPT = 4096


class StartError(Exception):
    """The container cannot start: the message is the runtime's (`exec: "x": executable file not found in $PATH`)."""


_Given = TypeVar("_Given", bound=Program | type[Program])


def register(given: _Given) -> _Given:
    """Makes a program known under its `name` (a second one replaces the first); later ones are asked earlier. Also a class decorator."""
    program: Any = given() if isinstance(given, type) else given
    if program.name in _builtin:
        raise ValueError(f"the lab has a program {program.name!r} of its own; give yours another name")
    _registered.pop(program.name, None)
    _registered[program.name] = program
    _chosen.clear()
    return given


def unregister(name: str) -> None:
    """Takes a registered program away; unknown names are no error."""
    _registered.pop(name, None)
    _chosen.clear()


def get(name: str) -> Program:
    """The program of that name; KeyError says what to register."""
    found = _registered.get(name) or _builtin.get(name)
    if found is None:
        raise KeyError(f"no program {name!r}: register the class that this world was made with before it runs on")
    return found


def choose(image: str, command: tuple[str, ...], args: tuple[str, ...]) -> Program:
    """The program that runs what a container's image, command and arguments say."""
    key = (image, command, args)
    found = _chosen.get(key)
    if found is None:
        candidates = [*reversed(_registered.values()), *_builtin.values()]
        found = next(program for program in candidates if program.claims(image, command, args))
        if len(_chosen) >= _CHOICES_KEPT:
            _chosen.clear()
        _chosen[key] = found
    return found


def install(*programs: Program) -> None:
    """The lab's own programs, in the order in which they are asked; the last must claim everything."""
    for program in programs:
        _builtin[program.name] = program
