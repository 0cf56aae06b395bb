"""YAML as go-yaml reads it on its way to JSON, with its words for what it cannot read.

upstream: sigs.k8s.io/yaml (YAMLToJSON, YAMLToJSONStrict) over go-yaml, 1.28.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from kubelab.apiserver.reading import YamlError

_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


class _Loader(yaml.SafeLoader):
    """YAML as go-yaml reads it into JSON: dates stay text, ``1e3`` is a number, keys are text, a later key wins."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.repeated: list[str] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        self.flatten_mapping(node)
        made: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, (str, int, float, bool)):
                raise YamlError(f"unsupported map key of type: {type(key).__name__}")
            name = ("true" if key else "false") if isinstance(key, bool) else str(key)
            if name in made:
                self.repeated.append(f'line {key_node.start_mark.line + 1}: key "{name}" already set in map')
            made[name] = self.construct_object(value_node, deep=True)
        return made


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(rf"^{_FLOAT.pattern}$"), list("-+.0123456789"))
_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.construct_mapping)


def value(text: str) -> tuple[Any, list[str]]:
    """The first document of a YAML text, and what strict reading says of its repeated keys. Raises YamlError."""
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError:
        raise YamlError("yaml: control characters are not allowed") from None
    try:
        node = loader.get_node() if loader.check_node() else None
        found = None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise YamlError(f"yaml: {_where(error)}{_what(error)}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise YamlError(f"yaml: {error}") from None
    except RecursionError:
        raise YamlError("yaml: exceeded max depth") from None
    finally:
        loader.dispose()
    return found, loader.repeated


def _where(error: yaml.MarkedYAMLError) -> str:
    """go-yaml's line: counted from nought, one more in the scanner; none for the first."""
    for mark in (error.context_mark, error.problem_mark):
        if mark is not None and mark.line:
            return f"line {mark.line + 1 if isinstance(error, yaml.scanner.ScannerError) else mark.line}: "
    return ""


_PROBLEMS = (
    ("expected ',' or '}', but got", "did not find expected ',' or '}'"),
    ("expected ',' or ']', but got", "did not find expected ',' or ']'"),
    ("mapping values are not allowed here", "mapping values are not allowed in this context"),
    ("could not find expected ':'", "could not find expected ':'"),
    ("found unexpected end of stream", "found unexpected end of stream"),
    ("expected the node content, but found", "did not find expected node content"),
    ("expected '<document start>', but found", "did not find expected <document start>"),
    ("sequence entries are not allowed here", "block sequence entries are not allowed in this context"),
)


def _what(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or ""
    if problem.startswith("expected <block end>, but found"):
        return "did not find expected '-' indicator" if "collection" in (error.context or "") else "did not find expected key"
    if problem.startswith("found character") and problem.endswith("that cannot start any token"):
        return "found character that cannot start any token"
    if problem.startswith("found undefined alias"):
        return f"unknown anchor '{problem.split(chr(39))[1]}' referenced"
    return next((go for python, go in _PROBLEMS if problem.startswith(python)), problem)
