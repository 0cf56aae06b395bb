"""The extra ``cri``: asked for where it is used, with words that say what to install."""

from __future__ import annotations

from importlib.util import find_spec

NEEDED = {"grpc": "grpcio", "google.protobuf": "protobuf"}


def require() -> None:
    """Raise ImportError if a package is missing that the CRI's wire needs."""
    missing = [package for module, package in NEEDED.items() if not _there(module)]
    if missing:
        raise ImportError(f"the CRI over gRPC needs {' and '.join(missing)}: pip install 'kubelab[cri]'")


def _there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a package that its parent lacks
        return False
