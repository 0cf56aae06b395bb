"""What a value or a line of a log is: an event, a list of events, a wrapping around them, or none of these.

By shape and never by file name; wrappings may be nested, and a level may be JSON in a string.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubelab.auditlog.unwrap import aks, cloudwatch, gke
from kubelab.auditlog.unwrap.columns import CUT_ROW, Columns
from kubelab.auditlog.unwrap.found import Found, damaged, is_event, skipped, table, words
from kubelab.auditlog.unwrap.legacy import Legacy
from kubelab.auditlog.unwrap.parts import Parts
from kubelab.auditlog.unwrap.texts import KLOG, parsed, values

#: Fields under which shippers put the record, in the order in which they are tried.
CARRIERS: tuple[str, ...] = ("log", "message", "event", "_source", "source", "line", "@message", "msg", "body", "_raw", "result", "audit")
CARRIERS += ("textPayload", "jsonPayload", "json", "data", "content", "value", "record", "original")
#: Keys that tell of a shipper which merged the event into its own record.
MERGED = frozenset(("kubernetes", "host", "hostname", "node", "@timestamp", "agent", "tag", "stream"))
_NO_EVENT = "JSON that is no audit event"
_DEEPEST = 12


class Unwrapper:
    """Takes wrappings off. It remembers what comes in parts, so that one file needs one of it, and its lines their order."""

    __slots__ = ("_columns", "_legacy", "_parts")

    def __init__(self) -> None:
        self._parts = Parts()
        self._legacy = Legacy()
        self._columns = Columns()

    def line(self, text: str, server: str = "", depth: int = 0) -> Iterator[Found]:
        """What a line holds that is not one JSON value; or a text within a wrapping."""
        try:
            value = parsed(text)
        except ValueError:
            yield from self._broken(text, server, depth)
        else:
            yield from self.value(value, server, depth)

    def value(self, value: Any, server: str = "", depth: int = 0) -> Iterator[Found]:
        """All events in a value, however wrapped."""
        if depth > _DEEPEST:
            yield damaged("wrapped too deep", server)
        elif isinstance(value, dict):
            yield from self._object(value, server, depth + 1)
        elif isinstance(value, list):
            yield from self._list(value, server, depth + 1)
        elif isinstance(value, str) and value.strip() and (depth or "{" in value):
            yield from self.line(value, server, depth + 1)
        else:
            yield skipped(_NO_EVENT, server)

    def rest(self) -> Iterator[Found]:
        """What was never finished, once the file has ended."""
        for text in self._parts.rest():
            yield from self.line(text)

    def _broken(self, text: str, server: str, depth: int) -> Iterator[Found]:
        stripped = text.strip("\x00\ufeff \t\r\n")
        is_cri, whole = self._parts.cri(stripped)
        if is_cri:
            if whole is not None and whole.strip():
                yield from self.line(whole, server, depth + 1)
            return
        event = self._legacy.event(stripped)
        if event is not None:
            yield Found(event, server)
            return
        if KLOG.match(stripped):
            yield skipped("a log line of a component (klog)", server)
            return
        row = None if depth else self._columns.row(stripped)
        if row is not None:
            yield from self._row(row, server, depth)
            return
        if not depth and CUT_ROW in stripped:
            yield damaged("a comma-separated row whose quotes do not close", server)
            return
        if depth < _DEEPEST and "\n" in stripped and not stripped.startswith(("{", "[")):
            for each in filter(None, map(str.strip, stripped.splitlines())):
                yield from self.line(each, server, depth + 1)
            return
        if "\x00" in text:
            yield damaged("NUL bytes" + ("; what stands between them was read" if stripped else ""), server)
        if stripped and "\x00" not in stripped:
            for found in values(stripped):
                if found.wrong and depth and "audit" not in stripped:
                    yield skipped("text that is no audit event", server)
                elif found.wrong:
                    yield damaged(found.wrong, server)
                else:
                    yield from self.value(found.value, found.prefix or server, depth + 1)
        elif stripped:
            for piece in filter(None, (piece.strip() for piece in stripped.split("\x00"))):
                yield from self.line(piece, server, depth + 1)

    def _row(self, row: dict[str, str], server: str, depth: int) -> Iterator[Found]:
        """A row of a comma-separated export."""
        if row:
            yield from self.value(row, row.get("@logStream") or row.get("logStreamName") or server, depth + 1)
        else:
            yield skipped("the names of columns", server)

    def _object(self, value: dict[str, Any], server: str, depth: int) -> Iterator[Found]:
        if is_event(value):
            yield Found(value, _server(value) or server if MERGED & value.keys() else server)
        elif isinstance(value.get("items"), list) and words(value.get("kind")).endswith("List"):
            yield from self._items(value, server, depth)
        elif gke.is_entry(value):
            yield gke.converted(value, server)
        elif value.get("messageType") == "CONTROL_MESSAGE":
            yield skipped("a control message of CloudWatch", server)
        elif isinstance(value.get("logEvents"), list):
            yield from self._messages(cloudwatch.of_subscription(value), server, depth)
        elif cloudwatch.is_export(value):
            yield from self._messages(cloudwatch.of_export(value), server, depth)
        elif isinstance(table(value.get("awslogs")).get("data"), str):
            yield from self._packed(value["awslogs"]["data"], server, depth)
        elif aks.is_record(value):
            yield from self._record(value, server, depth)
        elif aks.is_row(value):
            yield Found(*aks.event_of(value))
        elif isinstance(value.get("tables"), list):
            for row in aks.rows_of(value["tables"]):
                yield from self._object(row, server, depth)
        elif "log_s" in value:
            yield from self.value(value["log_s"], words(value.get("pod_s")) or server, depth)
        else:
            yield from self._shipped(value, server, depth)

    def _list(self, value: list[Any], server: str, depth: int) -> Iterator[Found]:
        insight = cloudwatch.of_insights(value) if value and isinstance(value[0], dict) and "field" in value[0] else None
        if insight is not None:
            yield from self._messages(iter([insight]), server, depth)
            return
        for each in value:
            yield from self.value(each, server, depth)

    def _items(self, value: dict[str, Any], server: str, depth: int) -> Iterator[Found]:
        """An EventList: its items come without kind."""
        version = value.get("apiVersion")
        for each in value["items"]:
            if isinstance(each, dict) and value.get("kind") == "EventList" and words(version).startswith("audit.k8s.io/"):
                yield Found({"kind": "Event", "apiVersion": version, **each}, server)
            else:
                yield from self.value(each, server, depth)

    def _messages(self, messages: Iterator[cloudwatch.Message], server: str, depth: int) -> Iterator[Found]:
        for message in messages:
            name = message.stream or server
            for found in self.value(message.text, name, depth):
                if found.kind == "damaged" and not message.of_audit:
                    found = skipped(f"a line of the stream {message.stream}", name)
                yield found

    def _packed(self, data: str, server: str, depth: int) -> Iterator[Found]:
        raw = cloudwatch.unpacked(data)
        if raw is None:
            yield damaged("data that is not base64 of gzip", server)
        else:
            yield from self.line(raw.decode("utf-8", "replace"), server, depth)

    def _record(self, value: dict[str, Any], server: str, depth: int) -> Iterator[Found]:
        log, pod = aks.log_of(value)
        if log is None or value["category"] not in aks.CATEGORIES:
            yield skipped(f"a record of the category {value['category']}", server)
        else:
            yield from self.value(log, pod or server, depth)

    def _shipped(self, value: dict[str, Any], server: str, depth: int) -> Iterator[Found]:
        """Lists of records, Docker, Loki, and records of log shippers: under a field, or merged into another object."""
        is_docker, text = self._parts.docker(value)
        if is_docker:
            if text is not None and text.strip():
                yield from self.line(text, server, depth)
            return
        for name in ("records", "Records", "results", "hits", "streams", "values", "rows", "entries", "items", "events"):
            if isinstance(value.get(name), list):
                yield from self._records(value, name, server, depth)
                return
        if isinstance(value.get("hits"), dict):
            yield from self.value(value["hits"], server, depth)
            return
        data = value.get("data")
        streams = table(data).get("result")
        if isinstance(streams, list):
            yield from self.value(streams, server, depth)
            return
        server = _server(value) or server
        packed = table(value.get("kinesis")).get("data") or (data if {"recordId", "messageId", "message_id"} & value.keys() else None)
        if isinstance(packed, str):
            yield from self._packed(packed, server, depth)
            return
        yield from self._carried(value, server, depth)

    def _records(self, value: dict[str, Any], name: str, server: str, depth: int) -> Iterator[Found]:
        server = _server(value) or server
        if name != "values":
            yield from self.value(value[name], server, depth)
            return
        for pair in value["values"]:  # Loki: [nanoseconds, line] of one stream
            yield from self.value(pair[1] if isinstance(pair, list) and len(pair) > 1 else pair, server, depth)

    def _carried(self, value: dict[str, Any], server: str, depth: int) -> Iterator[Found]:
        """The first field with an event in it, the usual ones before all others."""
        if depth < _DEEPEST:
            for inner in (*(value.get(name) for name in CARRIERS), *value.values()):
                if isinstance(inner, dict | list) or (isinstance(inner, str) and "{" in inner or "AUDIT:" in str(inner)):
                    found = list(self.value(inner, server, depth))
                    if any(each.event is not None or each.kind == "damaged" for each in found):
                        yield from found
                        return
        yield skipped(_NO_EVENT, server)


def _server(value: dict[str, Any]) -> str:
    """The name of the server as labels tell it: a pod's, a stream's, a host's."""
    for labels in (value.get("kubernetes"), value.get("stream"), value.get("labels"), value, value.get("agent")):
        for name in ("pod_name", "pod", "instance", "node_name", "node", "host", "hostname", "_HOSTNAME"):
            if isinstance(labels, dict):
                found = labels.get(name)
                found = found.get("name") if isinstance(found, dict) else found
                if isinstance(found, str) and found:
                    return found
    return ""
