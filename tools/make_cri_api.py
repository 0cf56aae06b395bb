"""Write ``kubelab/cri/data/cri-api.json``: the CRI's messages, enums and services as a table, from which the wire's descriptors are built.

    python tools/make_cri_api.py KUBERNETES/staging/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto

Facts only: names, numbers, types, labels, what streams. A field reads ``"number": "type name"``, as in the proto; enums that stand within a message have
its name before their own. What the table cannot say (a oneof, a group, an extension) is refused and not left out.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent.parent / "kubelab" / "cri" / "data" / "cri-api.json"
UPSTREAM = "staging/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto, 1.28"
COMMENTS = re.compile(r'//[^\n]*|/\*.*?\*/|("(?:\\.|[^"\\])*")', re.DOTALL)
TOKENS = re.compile(r'"(?:\\.|[^"\\])*"|[A-Za-z_][\w.]*|\.[A-Za-z_][\w.]*|-?\d+|[{}\[\]()<>=;,]')
SCALARS = frozenset("bool bytes double fixed32 fixed64 float int32 int64 sfixed32 sfixed64 sint32 sint64 string uint32 uint64".split())


def main(path: str) -> None:
    table = read(Path(path).read_text(encoding="utf-8"))
    lines = ["{", f' "upstream": {json.dumps(UPSTREAM)},', f' "package": {json.dumps(table["package"])},']
    for part in ("services", "enums", "messages"):
        rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in table[part].items())
        lines.append(f' "{part}": {{\n{rows}\n }}' + ("," if part != "messages" else ""))
    TARGET.write_text("\n".join([*lines, "}"]) + "\n", encoding="utf-8")
    print(f"{TARGET}: {len(table['messages'])} messages, {len(table['enums'])} enums, {TARGET.stat().st_size} bytes")


def read(text: str) -> dict[str, Any]:
    """The table of a proto file."""
    words = iter(TOKENS.findall(COMMENTS.sub(lambda found: found[1] or " ", text)))
    table: dict[str, Any] = {"package": "", "services": {}, "enums": {}, "messages": {}}
    for word in words:
        if word in ("syntax", "option", "import"):
            _until(words, ";")
        elif word == "package":
            table["package"] = next(words)
            _until(words, ";")
        elif word == "service":
            name = next(words)
            table["services"][name] = _service(words)
        elif word == "enum":
            name = next(words)
            table["enums"][name] = _enum(words)
        elif word == "message":
            _message(words, next(words), table)
        elif word != ";":
            raise SystemExit(f"{word!r} is not known at the top of the file")
    _check(table)
    return table


def _until(words: Iterator[str], end: str) -> list[str]:
    found = []
    for word in words:
        if word == end:
            return found
        found.append(word)
    raise SystemExit(f"the file ends before {end!r}")


def _service(words: Iterator[str]) -> dict[str, list[str]]:
    """Method → [request, answer], each with ``stream`` before it where it streams."""
    _until(words, "{")
    methods = {}
    for word in words:
        if word == "}":
            return methods
        if word == ";":
            continue
        if word != "rpc":
            raise SystemExit(f"{word!r} is not known in a service")
        name, _ = next(words), next(words)
        request, _ = _until(words, ")"), _until(words, "(")
        methods[name] = [" ".join(request), " ".join(_until(words, ")"))]
        _until(words, "}")
    raise SystemExit("the file ends within a service")


def _enum(words: Iterator[str]) -> dict[str, int]:
    _until(words, "{")
    values = {}
    for word in words:
        if word == "}":
            return values
        if word in ("option", "reserved"):
            _until(words, ";")
            continue
        next(words)
        values[word] = int(next(words))
        _until(words, ";")
    raise SystemExit("the file ends within an enum")


def _message(words: Iterator[str], name: str, table: dict[str, Any]) -> None:
    _until(words, "{")
    fields: dict[str, str] = {}
    own: list[str] = []
    table["messages"][name] = fields
    for word in words:
        if word == "}":
            for number, field in fields.items():  # a type of its own stands under the message's name
                kind, _, rest = field.rpartition(" ")
                label, _, kind = kind.rpartition(" ")
                if kind in own:
                    fields[number] = f"{label} {name}.{kind} {rest}".lstrip()
            return
        if word in ("option", "reserved"):
            _until(words, ";")
        elif word == "enum":
            own.append(next(words))
            table["enums"][f"{name}.{own[-1]}"] = _enum(words)
        elif word in ("message", "oneof", "group", "extensions", "extend", "optional"):
            raise SystemExit(f"message {name}: the table has no place for {word!r}")
        else:
            kind = word if word != "map" else f"map<{', '.join(each for each in _until(words, '>')[1:] if each != ',')}>"
            if word == "repeated":
                kind = f"repeated {next(words)}"
            field, _, number = next(words), next(words), next(words)
            _until(words, ";")
            fields[number] = f"{kind} {field}"
    raise SystemExit(f"the file ends within message {name}")


def _check(table: dict[str, Any]) -> None:
    """Every type that is named is there."""
    known = SCALARS | table["enums"].keys() | table["messages"].keys()
    named = {kind.removeprefix("stream ") for methods in table["services"].values() for pair in methods.values() for kind in pair}
    for fields in table["messages"].values():
        kinds = [field.rpartition(" ")[0].removeprefix("repeated ") for field in fields.values()]
        named |= {part for kind in kinds for part in (kind[4:-1].split(", ") if kind.startswith("map<") else [kind])}
    if missing := sorted(named - known):
        raise SystemExit(f"types that are named and not there: {', '.join(missing)}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
