"""A real HTTPS receiver of audit events on the loopback, which can be killed, revived, and made to talk nonsense."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Behaviour = Callable[[socket.socket, "Received"], None]
CONFIG = """
[req]
distinguished_name = name
prompt = no
x509_extensions = ext
[name]
CN = receiver
[ext]
subjectAltName = {names}
basicConstraints = critical, CA:true
"""


class Certificates:
    """Self-signed certificates, made by the openssl of this machine."""

    def __init__(self, folder: Path, names: str = "IP:127.0.0.1, DNS:localhost") -> None:
        openssl = shutil.which("openssl")
        if openssl is None:
            pytest.skip("there is no openssl on this machine to make the receiver's certificate")
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self.key = folder / "cert.pem", folder / "key.pem"
        config = folder / "openssl.cnf"
        config.write_text(CONFIG.format(names=names))
        made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        files = ["-config", str(config), "-keyout", str(self.key), "-out", str(self.certificate)]
        subprocess.run([openssl, *made, *files], check=True, capture_output=True)


class Received:
    """One request as it came in."""

    def __init__(self, line: str, headers: dict[str, str], body: bytes) -> None:
        self.line, self.headers, self.body = line, headers, body

    @property
    def items(self) -> list[dict[str, Any]]:
        return json.loads(self.body)["items"]


def answer(code: int = 200, body: bytes = b"{}", *headers: str, reason: str = "Said") -> Behaviour:
    """An HTTP answer like any other."""

    def behave(connection: socket.socket, received: Received) -> None:
        head = [f"HTTP/1.1 {code} {reason}", f"Content-Length: {len(body)}", *headers]
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    return behave


def raw(data: bytes) -> Behaviour:
    """Bytes as they are; then the connection is closed."""

    def behave(connection: socket.socket, received: Received) -> None:
        if data:
            connection.sendall(data)
        raise ConnectionError

    return behave


class Receiver:
    """``script`` says how the next requests are answered; when it is at its end, ``always`` does, and those ``requests`` are kept."""

    def __init__(self, certificates: Certificates | None, always: Behaviour | None = None) -> None:
        self.script: list[Behaviour] = []
        self.always = always or answer()
        self.requests: list[Received] = []
        self.connections = 0
        self.client: dict[str, Any] | None = None
        self._certificates = certificates
        self._stop = threading.Event()
        self._open: list[socket.socket] = []
        self._socket: socket.socket | None = None
        self.port = 0
        self.context: ssl.SSLContext | None = None
        if certificates is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificates.certificate, certificates.key)
        self.revive()

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"

    @property
    def events(self) -> list[dict[str, Any]]:
        return [item for request in self.requests for item in request.items]

    @property
    def keys(self) -> set[tuple[str, str]]:
        """What a receiver keeps: events without what came twice."""
        return {(event["auditID"], event["stage"]) for event in self.events}

    def revive(self) -> None:
        self._stop = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._socket, self._stop), daemon=True).start()

    def kill(self) -> None:
        self._stop.set()
        if self._socket is not None:
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._socket = None
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
            finally:
                connection.close()
        self._open = []

    def kubeconfig(self, **user: str) -> dict[str, Any]:
        """The receiver as a kubeconfig names it, with its own certificate as the authority."""
        cluster: dict[str, Any] = {"server": self.url}
        if self._certificates is not None:
            cluster["certificate-authority-data"] = base64.b64encode(self._certificates.certificate.read_bytes()).decode()
        return {
            "clusters": [{"name": "receiver", "cluster": cluster}],
            "users": [{"name": "apiserver", "user": user}],
            "contexts": [{"name": "webhook", "context": {"cluster": "receiver", "user": "apiserver"}}],
            "current-context": "webhook",
        }

    def _accept(self, listening: socket.socket, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection, stop), daemon=True).start()

    def _serve(self, plain: socket.socket, stop: threading.Event) -> None:
        try:
            connection = self.context.wrap_socket(plain, server_side=True) if self.context else plain
            self._open.append(connection)
            self.connections += 1
            if isinstance(connection, ssl.SSLSocket):
                self.client = connection.getpeercert()
            with connection, connection.makefile("rb") as stream:
                while not stop.is_set() and (received := _read(stream)) is not None:
                    behave = self.script.pop(0) if self.script else self.always
                    if behave is self.always:
                        self.requests.append(received)
                    behave(connection, received)
        except (OSError, ValueError):
            plain.close()


def _read(stream: Any) -> Received | None:
    line = stream.readline().decode().strip()
    if not line:
        return None
    headers = {}
    while text := stream.readline().decode().strip():
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    return Received(line, headers, stream.read(int(headers.get("content-length", "0"))))
