"""Write ``tests/data/cri/wire.json``: bytes of every message of the CRI, made by protoc's own classes, and what protobuf's own JSON says of them.

    python tools/make_cri_wire.py KUBERNETES/staging/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto

It needs ``grpcio-tools``, which nothing else does. The table of ``make_cri_api.py`` has no part in it: that is what makes the rows worth comparing with. Every
field of every message is set, messages within messages two deep; numbers are large, negative where they may be, texts not only ASCII.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent.parent / "tests" / "data" / "cri" / "wire.json"
DEPTH = 2


def main(path: str) -> None:
    proto = Path(path).read_text(encoding="utf-8")
    proto = re.sub(r'^import "github.com/gogo/.*$|^option \(gogoproto.*$', "", proto, flags=re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "api.proto").write_text(proto, encoding="utf-8")
        compiler: Any = importlib.import_module("grpc_tools.protoc")
        if compiler.main(["protoc", f"-I{folder}", f"--python_out={folder}", f"{folder}/api.proto"]):
            raise SystemExit(f"{path}: protoc refuses it")
        sys.path.insert(0, folder)
        module = importlib.import_module("api_pb2")
        rows = [row(module, name) for name in sorted(module.DESCRIPTOR.message_types_by_name)]
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n ".join(json.dumps(each, ensure_ascii=False) for each in rows)
    TARGET.write_text(f"[\n {lines}\n]\n", encoding="utf-8")
    print(f"{TARGET}: {len(rows)} messages, {TARGET.stat().st_size} bytes")


def row(module: Any, name: str) -> dict[str, Any]:
    from google.protobuf import json_format

    message = getattr(module, name)()
    fill(message, [len(name)], DEPTH)
    return {"message": name, "wire": message.SerializeToString(deterministic=True).hex(), "json": json_format.MessageToDict(message)}


def fill(message: Any, count: list[int], depth: int) -> None:
    """Set every field to something of its own."""
    for field in message.DESCRIPTOR.fields:
        here = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            here.update({"": "empty", f"key-{_next(count)}": f"ä {_next(count)}"})
        elif field.is_repeated:
            for _ in range(2):
                if field.message_type is None:
                    here.append(_scalar(field, count))
                elif depth:
                    fill(here.add(), count, depth - 1)
        elif field.message_type is None:
            setattr(message, field.name, _scalar(field, count))
        else:
            here.SetInParent()
            if depth:
                fill(here, count, depth - 1)


def _scalar(field: Any, count: list[int]) -> Any:
    number = _next(count)
    if field.enum_type is not None:
        return field.enum_type.values[-1].number
    kinds = {
        field.CPPTYPE_BOOL: True,
        field.CPPTYPE_INT32: -number,
        field.CPPTYPE_INT64: number * 10**15 * (-1) ** number,
        field.CPPTYPE_UINT32: 2**32 - number,
        field.CPPTYPE_UINT64: 2**64 - number,
    }
    if field.cpp_type == field.CPPTYPE_STRING:
        return bytes([number % 256, 255, 0]) if field.type == field.TYPE_BYTES else f"text {number} ☸"
    return kinds[field.cpp_type]


def _next(count: list[int]) -> int:
    count[0] += 1
    return count[0]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
