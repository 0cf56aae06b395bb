"""What people write in manifests to set a program up: environment, options on command lines, scripts."""

from __future__ import annotations

import re

from kubelab.cri.api import ContainerSpec

_ORDINAL = re.compile(r"(.+)-(\d{1,6})")
_SERVICE_ACCOUNT = "/var/run/secrets/"


def ordinal(spec: ContainerSpec) -> int:
    """Ordinal of a StatefulSet's pod, -1 for any other pod."""
    found = _ORDINAL.fullmatch(spec.pod_name)
    return int(found[2]) if found else -1


def family(spec: ContainerSpec) -> str:
    """Name shared by the pods of one StatefulSet: the pod's without its ordinal."""
    found = _ORDINAL.fullmatch(spec.pod_name)
    return found[1] if found else spec.pod_name


def command_text(spec: ContainerSpec) -> str:
    """Command and arguments as one text, to look for options in."""
    return " ".join((*spec.command, *spec.args))


def option(spec: ContainerSpec, names: tuple[str, ...], variables: tuple[str, ...] = ()) -> str:
    """Value of the first option found on the command line (`--name=x`, `--name x`, `name=x`) or in the environment."""
    text = command_text(spec)
    for name in names:
        found = re.search(rf"(?<![\w.-]){re.escape(name)}(?:=|\s+)[\"']?([^\s\"'\\;]+)", text)
        if found:
            return found[1]
    return next((spec.env[name] for name in variables if spec.env.get(name)), "")


def number(text: str, default: int) -> int:
    """A non-negative integer, or the default where the text is none."""
    return int(text) if re.fullmatch(r"\d{1,9}", text.strip()) else default


def decimal(text: str, default: float) -> float:
    """A non-negative decimal number, or the default where the text is none."""
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text.strip()) else default


def data_directory(spec: ContainerSpec, named: str, default: str) -> str:
    """Where a server keeps its data: the directory named if that is a plain path, else the first writable volume."""
    if named.startswith("/") and "$" not in named:
        return named.rstrip("/")
    for mount in spec.mounts:
        if not mount.readonly and not mount.container_path.startswith(_SERVICE_ACCOUNT):
            return mount.container_path.rstrip("/")
    return default
