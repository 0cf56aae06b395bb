"""Manifests in any form a user has them: files, folders, YAML or JSON text, dicts, lists; each document with the place it came from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from kubelab.cluster.errors import ManifestError
from kubelab.kinds.kind import Object

SUFFIXES = (".yaml", ".yml", ".json")


class Document(NamedTuple):
    """An object, and where it stands (``zookeeper.yaml, document 3``)."""

    object: Object
    place: str


def read(source: Any) -> list[Document]:
    """All documents of a source, Lists taken apart; ManifestError says where the source cannot be read."""
    if isinstance(source, dict):
        return _flat(source, "")
    if isinstance(source, (list, tuple)):
        if not source:
            raise ManifestError("the list is empty: no objects passed to apply")
        return [document for index, item in enumerate(source) for document in _numbered(read(item), index)]
    if isinstance(source, str) and source.startswith(("http://", "https://")):
        raise ManifestError(f"{source} is an address: the lab reads no network; download it, then give the file")
    if isinstance(source, Path) or (isinstance(source, str) and _is_path(source)):
        return _read_path(Path(source))
    if isinstance(source, bytes):
        return _read_text(_decoded(source, ""), "")
    if isinstance(source, str):
        return _read_text(source, "")
    raise ManifestError(
        f"cannot read a source of type {type(source).__name__}: give a file, a folder, YAML text, a dict or a list of these"
    )


def _numbered(documents: list[Document], index: int) -> list[Document]:
    return [Document(obj, place or f"item {index + 1}") for obj, place in documents]


def _is_path(text: str) -> bool:
    return (
        bool(text.strip())
        and "\n" not in text
        and (text.endswith(SUFFIXES) or (": " not in text and not text.lstrip().startswith(("{", "["))))
    )


def _read_path(path: Path) -> list[Document]:
    if path.is_dir():
        files = sorted(child for child in path.iterdir() if child.suffix in SUFFIXES and child.is_file())
        if (path / "Chart.yaml") in files:
            raise ManifestError(f"the folder is a Helm chart: apply what `helm template {path.name}` prints", str(path))
        if not files:
            inner = sorted(child.name for child in path.iterdir() if child.is_dir())
            hint = f", and folders within it are not looked into: {', '.join(inner[:5])}" if inner else ""
            raise ManifestError(f"the folder has no {', '.join(SUFFIXES)} files{hint}", str(path))
        return [document for child in files for document in _read_path(child)]
    if not path.exists():
        raise ManifestError(f'the path "{path}" does not exist')
    return _read_text(_decoded(path.read_bytes(), path.name), path.name)


def _decoded(data: bytes, source: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ManifestError(f"not UTF-8 text: {error}", source) from None


def _read_text(text: str, source: str) -> list[Document]:
    import yaml  # what a world of Python's own values never reads

    from kubelab.cluster import yaml_documents

    template = re.search(r"^[^#\n]*\{\{ *-? *[.$a-z]", text, re.MULTILINE)
    try:
        found = [item for item in yaml_documents.of(text) if item is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = f"error parsing YAML: {error.problem or error.context}"
        if template:
            what += " (this looks like a Helm template: apply what `helm template` prints)"
        raise ManifestError(what, source, mark.line + 1 if mark else 0, mark.column + 1 if mark else 0) from None
    except yaml.YAMLError as error:
        raise ManifestError(f"error parsing YAML: {error}", source) from None
    if not found:
        raise ManifestError("no objects passed to apply", source)
    documents = []
    for index, item in enumerate(found):
        place = f"{source or 'the text'}, document {index + 1}" if len(found) > 1 else source
        if not isinstance(item, dict):
            raise ManifestError(f"a {type(item).__name__} stands where an object (apiVersion, kind, metadata …) should", place)
        documents.extend(_flat(item, place))
    return documents


def _flat(obj: Object, place: str) -> list[Document]:
    """A List is its items."""
    if str(obj.get("kind")).endswith("List") and isinstance(obj.get("items"), list):
        return [document for index, item in enumerate(obj["items"]) for document in _flat(item, f"{place}, item {index + 1}".lstrip(", "))]
    return [Document(obj, place)]
