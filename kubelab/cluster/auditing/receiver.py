"""The wire to a receiver: one POST, over a connection that is kept, with errors in the words of upstream's client.

upstream: client-go/rest/{request,with_retry}.go, apimachinery/pkg/api/errors/errors.go, Go's net/http, 1.28.

Of a call's 30 virtual seconds a receiver that says nothing gets ``patience`` seconds of real time, and after each silence half of that. After
ten of them only every eighth call of the same run is made at all: the others would end as the last one did.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import threading
import urllib.request
from typing import Any
from urllib.parse import urljoin, urlsplit

from kubelab.cluster.auditing.kubeconfig import Destination
from kubelab.cluster.auditing.options import text_of
from kubelab.cluster.auditing.sending import Outcome
from kubelab.world.clock import SECOND

CALL_NS = 30 * SECOND
SHORTEST_WAIT = 0.1
SILENCES, EVERY = 10, 8
KEPT = 2048  # bytes of an answer that an error may quote
REDIRECTS = 10
REPEATS = 10
TIMED_OUT = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
_MESSAGES = {  # upstream: NewGenericServerResponse; None: what the server wrote
    400: "the server rejected our request for an unknown reason",
    401: "the server has asked for the client to provide credentials",
    403: None,
    404: "the server could not find the requested resource",
    405: "the server does not allow this method on the requested resource",
    406: None,
    409: "the server reported a conflict",
    415: None,
    422: "the server rejected our request due to an error in our request",
    429: "the server has received too many requests and has asked us to try again later",
    503: "the server is currently unable to handle the request",
    504: "the server was unable to return a response in the time allotted, but may still be processing the request",
}


class _Answer:
    """What came back: code, headers, the beginning of the body."""

    __slots__ = ("body", "code", "headers")

    def __init__(self, code: int, headers: http.client.HTTPMessage, body: bytes) -> None:
        self.code, self.headers, self.body = code, headers, body


class Receiver:
    """A receiver, as a backend sees it. Not part of the world; nothing of it is ever saved."""

    def __init__(self, destination: Destination, patience: float) -> None:
        self.destination = destination
        self.patience = patience
        self.silences = 0
        self._connection: http.client.HTTPConnection | None = None

    def hope(self) -> None:
        """Be patient again: some time has passed for whoever runs the receiver."""
        self.silences = 0

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def post(self, body: bytes) -> Outcome:
        """One call of upstream's client: redirects and Retry-After are followed as it does."""
        waited_s = 0
        for repeat in range(REPEATS + 1):
            outcome, retry_after = self._call(body)
            if retry_after is None or repeat == REPEATS:
                break
            waited_s += retry_after
            if waited_s * SECOND >= CALL_NS:
                return Outcome(f'Post "{self.destination.url}": context deadline exceeded', CALL_NS)
        return outcome._replace(took_ns=min(CALL_NS, outcome.took_ns + waited_s * SECOND))

    def _call(self, body: bytes) -> tuple[Outcome, int | None]:
        url = self.destination.url
        method, data, unread = "POST", body, ""
        if self.silences > SILENCES and self.silences % EVERY:
            self.silences += 1
            return self._silence(url, method), None
        try:
            answer = self._exchange(url, method, data)
            for hop in range(REDIRECTS):
                target = _redirect(answer)
                if not target:
                    break
                if hop == REDIRECTS - 1:
                    return Outcome(f'{_shown(method)} "{url}": stopped after {REDIRECTS} redirects'), None
                if answer.code in (301, 302, 303) and method == "POST":
                    method, data = "GET", b""
                    unread = f'it redirects ({answer.code}) to "{text_of(target)}", where the client goes with a GET, without the events'
                url = _joined(url, target)
                answer = self._exchange(url, method, data)
        except _Broken as broken:
            if broken.silent:
                self.silences += 1
                return self._silence(url, method), None
            said = broken.text if broken.whole else f'{_shown(method)} "{text_of(url)}": {broken.text}'
            return Outcome(said, away=broken.away), None
        self.silences = 0
        return _judged(answer, unread)

    @staticmethod
    def _silence(url: str, method: str) -> Outcome:
        return Outcome(f'{_shown(method)} "{text_of(url)}": {TIMED_OUT}', CALL_NS, silent=True)

    def _exchange(self, url: str, method: str, body: bytes) -> _Answer:
        """One request and its answer; on a connection that the other side has closed meanwhile, once more on a new one."""
        here = self.destination
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise _Broken(f'unsupported protocol scheme "{text_of(parts.scheme)}"')
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise _Broken("invalid port in the redirect") from None
        if (parts.scheme, parts.hostname, port) != (here.scheme, here.host, here.port):
            elsewhere = _connection(here, parts.scheme, parts.hostname, port, own=False)
            return self._ask(elsewhere, method, path, body, own=False)
        if self._connection is not None:
            kept, self._connection = self._connection, None
            try:
                return self._ask(kept, method, path, body, own=True)
            except _Broken as broken:
                if not broken.stale:
                    raise
        return self._ask(_connection(here, here.scheme, here.host, here.port, own=True), method, path, body, own=True)

    def _ask(self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes, *, own: bool) -> _Answer:
        wait = max(SHORTEST_WAIT, self.patience / 2**self.silences)
        connection.timeout = wait
        late, held = threading.Event(), [connection.sock] if connection.sock is not None else []
        watch = threading.Timer(wait, _cut, (connection, held, late))
        watch.daemon = True
        reused = connection.sock is not None
        watch.start()
        try:
            if not reused:
                connection.connect()
                held.append(connection.sock)  # the connection itself lets go of it, once an answer has no length
            connection.sock.settimeout(wait)
            answer = _spoken(connection, method, path, body, self._headers() if own else ())
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            if late.is_set() or isinstance(error, TimeoutError):
                raise _Broken("", silent=True) from None
            host = f"[{connection.host}]" if ":" in connection.host else connection.host
            raise _broken(error, f"{host}:{connection.port}", reused=reused) from None
        finally:
            watch.cancel()
        if late.is_set():
            connection.close()
            raise _Broken("", silent=True)
        if own and connection.sock is not None:
            self._connection = connection
        else:
            connection.close()
        return answer

    def _headers(self) -> tuple[tuple[str, str], ...]:
        here = self.destination
        if not here.token_file:
            return here.headers
        with open(here.token_file, encoding="utf-8") as file:
            return (*here.headers, ("Authorization", f"Bearer {file.read().strip()}"))


class _Broken(Exception):
    """No answer: why. ``whole``: the text stands alone; ``stale``: a kept connection that had been closed; ``away``: nobody listens."""

    def __init__(self, text: str, *, silent: bool = False, stale: bool = False, whole: bool = False, away: bool = False) -> None:
        super().__init__(text)
        self.text, self.silent, self.stale, self.whole, self.away = text, silent, stale, whole, away


def _spoken(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes, credentials: tuple[tuple[str, str], ...]
) -> _Answer:
    connection.putrequest(method, path, skip_accept_encoding=True)
    headers = [("User-Agent", "Go-http-client/1.1"), ("Accept", "application/json, */*"), *credentials]
    if method == "POST":
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    for name, text in headers:
        connection.putheader(name, text)
    connection.endheaders(body if method == "POST" else None)
    response = connection.getresponse()
    kept = b""
    try:
        while chunk := response.read(65536):
            if len(kept) < KEPT:
                kept += chunk[: KEPT - len(kept)]
    except http.client.IncompleteRead:
        raise _Cut from None
    if response.length:
        raise _Cut
    return _Answer(response.status, response.msg, kept)


class _Cut(http.client.HTTPException):
    """An answer that ends before its end."""


def _connection(here: Destination, scheme: str, host: str, port: int, *, own: bool) -> http.client.HTTPConnection:
    """A connection that is not open yet, through a proxy where there is one."""
    proxy = here.proxy or _environment_proxy(scheme, host)
    first_host, first_port = host, port
    if proxy:
        parts = urlsplit(proxy)
        first_host, first_port = parts.hostname or "", parts.port or 3128
    if scheme == "https":
        context = here.context or ssl.create_default_context()
        made: http.client.HTTPConnection = _Tls(first_host, first_port, context, here.server_name if own else host)
    else:
        made = http.client.HTTPConnection(first_host, first_port)
    if proxy:
        made.set_tunnel(host, port)
    return made


def _environment_proxy(scheme: str, host: str) -> str:
    """What ``HTTPS_PROXY`` and ``NO_PROXY`` say; never for this machine itself."""
    if host == "localhost" or host.startswith("127.") or host == "::1" or urllib.request.proxy_bypass(host):
        return ""
    return urllib.request.getproxies().get(scheme, "")


class _Tls(http.client.HTTPConnection):
    """HTTPS whose server may have another name than its address."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, server_name: str) -> None:
        super().__init__(host, port)
        self._context = context
        self._server_name = server_name

    def connect(self) -> None:
        super().connect()
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self._server_name)


def _cut(connection: http.client.HTTPConnection, held: list[socket.socket], late: threading.Event) -> None:
    """Time is over, for a receiver that sends a byte now and then, or bytes without end, as well."""
    late.set()
    try:
        for each in held or ([connection.sock] if connection.sock is not None else []):
            each.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _broken(error: Exception, address: str, *, reused: bool) -> _Broken:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _Broken(f"tls: failed to verify certificate: x509: {_certificate(error)}")
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return _Broken("EOF", stale=reused)
    if isinstance(error, ssl.SSLError):
        return _Broken(f"tls: {text_of(error.reason or str(error)).lower().replace('_', ' ')}")
    if isinstance(error, _Cut):
        return _Broken("unexpected error when reading response body. Please retry. Original error: unexpected EOF", whole=True)
    if isinstance(error, http.client.RemoteDisconnected):
        return _Broken("EOF", stale=reused)
    if isinstance(error, http.client.BadStatusLine):
        line = text_of(str(error.args[0])[:200])
        return _Broken(f'net/http: HTTP/1.x transport connection broken: malformed HTTP response "{line}"')
    if isinstance(error, ConnectionRefusedError):
        return _Broken(f"dial tcp {address}: connect: connection refused", away=True)
    if isinstance(error, (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)):
        return _Broken("read: connection reset by peer", stale=reused)
    if isinstance(error, socket.gaierror):
        return _Broken(f"dial tcp: lookup {address.rpartition(':')[0]}: no such host")
    return _Broken(text_of(str(error) or type(error).__name__))


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in (18, 19, 20, 21):
        return "certificate signed by unknown authority"
    if error.verify_code in (9, 10):
        return "certificate has expired or is not yet valid"
    return text_of(error.verify_message or str(error))


def _redirect(answer: _Answer) -> str:
    """Where the client goes next; a redirect that does not say where is an answer like any other."""
    if answer.code in (301, 302, 303, 307, 308):
        return answer.headers.get("Location", "")
    return ""


def _joined(url: str, target: str) -> str:
    try:
        return urljoin(url, target)
    except ValueError:
        raise _Broken(f'failed to parse Location header "{text_of(target)}"') from None


def _judged(answer: _Answer, unread: str) -> tuple[Outcome, int | None]:
    """Whether that was success, and after how many seconds the receiver wants to be asked again."""
    media = (answer.headers.get("Content-Type") or "application/json").partition(";")[0].strip()
    if not re.fullmatch(r"[!#$%&'*+.^_`|~\w-]+(/[!#$%&'*+.^_`|~\w-]+)?", media):
        return Outcome(
            "Internal error occurred: mime: no media type" if not media else "Internal error occurred: mime: unexpected content"
        ), None
    if 200 <= answer.code <= 206:
        return Outcome(unread=unread), None
    again = answer.headers.get("Retry-After", "")
    patient = (answer.code == 429 or answer.code >= 500) and re.fullmatch(r"[+-]?\d{1,9}", again)
    return Outcome(_refusal(answer, media)), max(0, int(again)) if patient else None


def _refusal(answer: _Answer, media: str) -> str:
    """The words of a Status, where there is one, or the client's own."""
    text = answer.body.decode("utf-8", "replace").strip()
    found: Any = None
    if media == "application/json":
        try:
            found = json.loads(text)
        except ValueError:
            found = None
    if isinstance(found, dict) and found.get("kind") in (None, "Status") and found.get("status") == "Failure":
        return text_of(str(found.get("message", "")))
    said = text_of(text) if media.startswith("text/") or not answer.headers.get("Content-Type") else "unknown"
    if answer.code in _MESSAGES:
        return _MESSAGES[answer.code] or said or "unknown"
    if answer.code >= 500:
        return f'an error on the server ("{said}") has prevented the request from succeeding'
    return f"the server responded with the status code {answer.code} but did not return more information"


def _shown(method: str) -> str:
    return method.capitalize()
