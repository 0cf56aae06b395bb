"""Write ``kubelab/kinds/data/schema-1.28.json`` or ``schema-1.7.json``: what every field of every kind is, as facts without prose.

Two sources are joined: the OpenAPI definitions (of 1.28 those that the package ``kubernetes-validate`` carries, of 1.7 the tree's own
``api/openapi-spec/swagger.json``: fields, references, formats, list types, merge keys) and Go's type declarations (the Go type that error
messages name, pointers, ``omitempty``).

Usage: ``python tools/make_schema.py DEFINITIONS.json KUBERNETES_SOURCE_TREE > kubelab/kinds/data/schema-1.28.json``
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

PREFIXES = (
    ("io.k8s.api.", ""),
    ("io.k8s.apimachinery.pkg.apis.", ""),
    ("io.k8s.apiextensions-apiserver.pkg.apis.", ""),
    ("io.k8s.kube-aggregator.pkg.apis.", ""),
    ("io.k8s.kubernetes.pkg.apis.", ""),
    ("io.k8s.kubernetes.pkg.api.", "core."),
)
SOURCES = (
    ("pkg/api", "v1/types.go"),  # until 1.7
    ("pkg/apis", "*/v*/types.go"),
    ("staging/src/k8s.io/api", "*/v*/types.go"),
    ("staging/src/k8s.io/apimachinery/pkg/apis", "meta/v1/types.go"),
    ("staging/src/k8s.io/apiextensions-apiserver/pkg/apis", "apiextensions/v1/types*.go"),
    ("staging/src/k8s.io/kube-aggregator/pkg/apis", "apiregistration/v1/types.go"),
)
SPECIAL = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "micro-time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Duration": "string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "any",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-string",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "any",
}
DEFAULT_GO = {"string": "string", "integer": "int32", "boolean": "bool", "number": "float64"}
MEMBER = re.compile(r'^\s*(?:([A-Z]\w*)\s+)?([\w.*\[\]]+)\s+`[^`]*json:"([^"]*)"')
STRUCT = re.compile(r"^type (\w+) struct \{")
ALIAS = re.compile(r"^type (\w+) (map\[\w+\]\S+|\[\]\S+)")

GoFields = dict[str, tuple[str, bool]]


def main(definitions_path: str, tree: str) -> None:
    loaded = json.loads(Path(definitions_path).read_text())
    definitions = loaded.get("$defs") or loaded["definitions"]
    go, aliases = read_go(Path(tree))
    structs: dict[str, Any] = {}
    kinds: dict[str, str] = {}
    for full, definition in sorted(definitions.items()):
        name = short(full)
        if "properties" not in definition or name is None or name.endswith("List") and "items" in definition["properties"]:
            continue
        structs[name] = struct(name, definition, definitions, go, aliases)
        for gvk in definition.get("x-kubernetes-group-version-kind", ()):
            if len(definition["x-kubernetes-group-version-kind"]) == 1:
                kinds[f"{gvk['group']}/{gvk['version']}/{gvk['kind']}"] = name
    json.dump({"kinds": kinds, "structs": structs}, sys.stdout, separators=(",", ":"), sort_keys=True)
    sys.stdout.write("\n")


def short(full: str) -> str | None:
    return next((named + full.removeprefix(prefix) for prefix, named in PREFIXES if full.startswith(prefix)), None)


def read_go(tree: Path) -> tuple[dict[str, GoFields], dict[str, str]]:
    """Per struct: JSON name → (Go type, omitempty); and the named maps and slices with what they stand for."""
    structs: dict[str, GoFields] = {}
    aliases: dict[str, str] = {}
    for root, pattern in SOURCES:
        for path in sorted((tree / root).glob(pattern)):
            package = f"{path.parent.parent.name}.{path.parent.name}".replace("api.v1", "core.v1")
            read_file(path, package, structs, aliases)
    return structs, aliases


def read_file(path: Path, package: str, structs: dict[str, GoFields], aliases: dict[str, str]) -> None:
    current: GoFields | None = None
    for line in path.read_text().splitlines():
        opened = STRUCT.match(line)
        if opened:
            current = structs.setdefault(f"{package}.{opened[1]}", {})
        elif line.startswith("}"):
            current = None
        elif (alias := ALIAS.match(line)) is not None:
            aliases[f"{package}.{alias[1]}"] = alias[2]
        elif current is not None and (member := MEMBER.match(line)) is not None:
            tag = member[3].split(",")
            if "inline" in tag or (not tag[0] and member[1] is None):
                current["+" + member[2].lstrip("*")] = ("", False)
            elif tag[0] != "-":
                current[tag[0] or member[1]] = (member[2], "omitempty" in tag)


def go_fields(name: str, go: dict[str, GoFields]) -> GoFields:
    """The fields of a Go struct with those of its inlined structs."""
    package = name.rsplit(".", 1)[0]
    out: GoFields = {}
    for field, facts in go.get(name, {}).items():
        if not field.startswith("+"):
            out[field] = facts
            continue
        inlined = field[1:]
        found = f"meta.v1.{inlined.split('.')[1]}" if inlined.startswith("metav1.") else f"{package}.{inlined.split('.')[-1]}"
        out.update(go_fields(found if found in go else f"core.v1.{inlined.split('.')[-1]}", go))
    return out


def struct(name: str, definition: Any, definitions: Any, go: dict[str, GoFields], aliases: dict[str, str]) -> dict[str, Any]:
    facts = go_fields(name, go)
    required = set(definition.get("required", ()))
    package = name.rsplit(".", 1)[0]
    out = {}
    for field, described in definition["properties"].items():
        typed, omitempty = facts.get(field, ("", field not in required))
        row = describe(described, typed, package, definitions, aliases)
        if field in required:
            row["q"] = 1
        if not omitempty:
            row["z"] = 1
        out[field] = row
    return out


def describe(described: Any, typed: str, package: str, definitions: Any, aliases: dict[str, str]) -> dict[str, Any]:
    """One field: t type, r struct, i item, g Go type, p pointer; k merge key, s strategy, l list type, m map keys, a map type."""
    row: dict[str, Any] = {}
    if typed.startswith("*"):
        row["p"], typed = 1, typed[1:]
    kind = kind_of(described, definitions)
    row["t"] = kind
    if kind == "struct":
        full = described["$ref"].rsplit("/", 1)[-1]
        row["r"] = short(full)
        if "x-kubernetes-map-type" in definitions[full]:
            row["a"] = definitions[full]["x-kubernetes-map-type"]
    if kind in ("list", "map"):
        inside = described["items"] if kind == "list" else described["additionalProperties"]
        spelled = typed if typed.startswith(("[", "map[")) else aliases.get(f"{package}.{typed}", "")
        row["i"] = describe(inside, re.sub(r"^(\[\]|map\[\w+\])", "", spelled), package, definitions, aliases)
    go = go_name(typed, package) or fallback(described, kind)
    if go != DEFAULT_GO.get(kind, "") and not (kind == "struct" and go == "v1." + row["r"].rsplit(".", 1)[-1]):
        row["g"] = go
    for short_key, key in (
        ("k", "patch-merge-key"),
        ("s", "patch-strategy"),
        ("l", "list-type"),
        ("m", "list-map-keys"),
        ("a", "map-type"),
    ):
        if f"x-kubernetes-{key}" in described:
            row[short_key] = described[f"x-kubernetes-{key}"]
    return row


def kind_of(described: Any, definitions: Any) -> str:
    if "$ref" in described:
        full = described["$ref"].rsplit("/", 1)[-1]
        if full in SPECIAL:
            return SPECIAL[full]
        return "struct" if "properties" in definitions[full] else "any"
    types = described.get("type") or "any"
    kind = types if isinstance(types, str) else next(each for each in types if each != "null")
    if kind == "string":
        return "bytes" if described.get("format") == "byte" else "string"
    if kind == "array":
        return "list"
    if kind == "object":
        return "map" if "additionalProperties" in described and described["additionalProperties"] is not False else "any"
    return str(kind)


def go_name(typed: str, package: str) -> str:
    """A Go type as ``reflect`` prints it: package-qualified."""
    if not typed:
        return ""
    if typed == "byte":
        return "uint8"
    container = re.match(r"^(\[\]|map\[\w+\])(.*)$", typed)
    if container:
        head = container[1] if container[1] in ("[]", "map[string]") else f"map[{go_name(container[1][4:-1], package)}]"
        return head + go_name(container[2], package)
    if typed.startswith("*"):
        return "*" + go_name(typed[1:], package)
    if typed[0].isupper():
        return f"{package.split('.')[-1]}.{typed}"
    if "." in typed:
        prefix, name = typed.split(".")
        return f"{prefix if prefix in ('intstr', 'types', 'resource', 'runtime') else 'v1'}.{name}"
    return typed


def fallback(described: Any, kind: str) -> str:
    if kind == "integer":
        return str(described.get("format") or "int32")
    return DEFAULT_GO.get(kind, "")


if __name__ == "__main__":
    main(*sys.argv[1:3])
