"""One call to a receiver that answers sense, nonsense, or nothing.

upstream: apiserver/plugin/pkg/audit/webhook/webhook_test.go TestWebhook; client-go/rest/request_test.go and with_retry_test.go, 1.28, for what
is an error and in which words.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from kubelab.cluster.auditing.kubeconfig import load
from kubelab.cluster.auditing.receiver import Receiver as Wire
from kubelab.world.clock import SECOND
from tests.receivers import Behaviour, Certificates, Received, Receiver, answer, raw

BODY = b'{"kind":"EventList","items":[]}\n'
STATUS = b'{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no room","reason":"Forbidden","code":403}'


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("receiver"))


@pytest.fixture
def receiver(certificates: Certificates) -> Iterator[Receiver]:
    made = Receiver(certificates)
    yield made
    made.kill()


def wire(receiver: Receiver, patience: float = 3, **user: str) -> Wire:
    return Wire(load(receiver.kubeconfig(**user)), patience)


def test_a_call_is_upstreams(receiver: Receiver):
    made = wire(receiver, token="abc")
    assert made.post(BODY).error == "" and made.post(BODY).error == ""
    first = receiver.requests[0]
    assert first.line == "POST /?timeout=30s HTTP/1.1"
    assert first.body == BODY
    assert first.headers["content-type"] == "application/json"
    assert first.headers["accept"] == "application/json, */*"
    assert first.headers["authorization"] == "Bearer abc"
    assert receiver.connections == 1  # kept open


@pytest.mark.parametrize(
    "behave",
    [
        answer(204, b""),
        answer(206, b"x"),
        answer(200, b"<html>hello</html>", "Content-Type: text/html"),
        answer(200, b"\x00\xff nonsense", "Content-Type: application/json"),
        answer(200, b"x" * 3_000_000),
        raw(b"HTTP/1.0 200 OK\r\n\r\nuntil the end"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
    ],
    ids=["204", "206", "html", "no json", "huge", "until the end", "chunks"],
)
def test_the_code_alone_is_success(receiver: Receiver, behave: Behaviour):
    receiver.script = [behave]
    assert wire(receiver).post(BODY).error == ""


@pytest.mark.parametrize(
    ("behave", "error"),
    [
        (
            answer(500, b"<b>oops</b>", "Content-Type: text/html"),
            'an error on the server ("<b>oops</b>") has prevented the request from succeeding',
        ),
        (
            answer(500, b"{}", "Content-Type: application/json"),
            'an error on the server ("unknown") has prevented the request from succeeding',
        ),
        (answer(403, STATUS, "Content-Type: application/json"), "no room"),
        (answer(400), "the server rejected our request for an unknown reason"),
        (answer(401), "the server has asked for the client to provide credentials"),
        (answer(404), "the server could not find the requested resource"),
        (answer(405), "the server does not allow this method on the requested resource"),
        (answer(409), "the server reported a conflict"),
        (answer(413), "the server responded with the status code 413 but did not return more information"),
        (answer(415, b"only xml", "Content-Type: text/plain"), "only xml"),
        (answer(422), "the server rejected our request due to an error in our request"),
        (answer(503), "the server is currently unable to handle the request"),
        (answer(207), "the server responded with the status code 207 but did not return more information"),
        (answer(301), "the server responded with the status code 301 but did not return more information"),
        (answer(200, b"", "Content-Type: a/b/c"), "Internal error occurred: mime: unexpected content"),
        (raw(b""), 'Post "URL": EOF'),
        (
            raw(b"220 smtp ready\r\n"),
            'Post "URL": net/http: HTTP/1.x transport connection broken: malformed HTTP response "220 smtp ready\\x0d\\x0a"',
        ),
        (
            raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
            "unexpected error when reading response body. Please retry. Original error: unexpected EOF",
        ),
        (
            raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf"),
            "unexpected error when reading response body. Please retry. Original error: unexpected EOF",
        ),
    ],
)
def test_what_is_an_error(receiver: Receiver, behave: Behaviour, error: str):
    receiver.script = [behave]
    outcome = wire(receiver).post(BODY)
    assert outcome.error == error.replace("URL", f"{receiver.url}/?timeout=30s")
    assert outcome.took_ns == 0


def test_nobody_there(receiver: Receiver):
    receiver.kill()
    url, address = receiver.url, f"127.0.0.1:{receiver.port}"
    assert wire(receiver).post(BODY).error == f'Post "{url}/?timeout=30s": dial tcp {address}: connect: connection refused'


def test_a_kept_connection_that_was_closed_meanwhile_is_no_error(receiver: Receiver):
    made = wire(receiver)
    made.post(BODY)
    receiver.kill()
    receiver.revive()
    assert made.post(BODY).error == ""
    assert len(receiver.requests) == 2


def silent(connection: socket.socket, received: Received) -> None:
    time.sleep(5)


def dripping(connection: socket.socket, received: Received) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(50):
        connection.sendall(b"X: y\r\n")
        time.sleep(0.1)


def without_end(connection: socket.socket, received: Received) -> None:
    """An answer without a length, of which more comes for as long as somebody reads."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    until = time.monotonic() + 5
    while time.monotonic() < until:
        connection.sendall(b"x" * 100_000)


def without_end_in_drops(connection: socket.socket, received: Received) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(50):
        connection.sendall(b"x")
        time.sleep(0.1)


@pytest.mark.parametrize("behave", [silent, dripping, without_end, without_end_in_drops])
def test_a_receiver_that_never_ends_takes_thirty_virtual_seconds_and_little_real_time(receiver: Receiver, behave: Behaviour):
    receiver.always = behave
    made = wire(receiver, patience=0.4)
    began = time.monotonic()
    outcomes = [made.post(BODY) for _ in range(6)]
    assert time.monotonic() - began < 2.5  # 0.4 + 0.2 + 4 × 0.1
    expected = f'Post "{receiver.url}/?timeout=30s": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
    assert {outcome.error for outcome in outcomes} == {expected}
    assert {outcome.took_ns for outcome in outcomes} == {30 * SECOND}
    assert all(outcome.silent for outcome in outcomes)


def test_after_many_silences_it_is_asked_now_and_then_until_it_answers(receiver: Receiver):
    receiver.script = [silent] * 12
    made = wire(receiver, patience=0.1)
    assert all(made.post(BODY).silent for _ in range(16))
    assert receiver.connections == 11
    receiver.script = []
    outcomes = [made.post(BODY).silent for _ in range(10)]
    assert outcomes == [False] * 10  # the sixteenth silence was the last before the next call


def test_after_a_silence_it_is_asked_again(receiver: Receiver):
    receiver.script = [silent]
    made = wire(receiver, patience=0.3)
    assert made.post(BODY).silent
    made.hope()
    assert made.post(BODY).error == ""


def test_retry_after_is_followed_within_the_call(receiver: Receiver):
    """upstream: client-go/rest/with_retry.go: 429 and 5xx with a whole number of seconds, ten times, within the call's 30 s"""
    busy = answer(429, b"", "Retry-After: 2")
    receiver.script = [busy, answer(503, b"", "Retry-After: 1")]
    outcome = wire(receiver).post(BODY)
    assert (outcome.error, outcome.took_ns) == ("", 3 * SECOND)
    receiver.script = [busy] * 11
    outcome = wire(receiver).post(BODY)
    assert outcome.error == "the server has received too many requests and has asked us to try again later"
    assert outcome.took_ns == 20 * SECOND and receiver.script == []
    receiver.script = [answer(429, b"", "Retry-After: 60")]
    assert wire(receiver).post(BODY).error.endswith("context deadline exceeded")
    receiver.script = [answer(400, b"", "Retry-After: 1"), answer(500, b"", "Retry-After: soon")]
    assert [wire(receiver).post(BODY).error[:10] for _ in range(2)] == ["the server", "an error o"]


def test_redirects_go_where_gos_client_goes(receiver: Receiver):
    """Go's net/http: 307 and 308 take the body along; 301, 302 and 303 go on with a GET, which upstream takes for success."""
    made = wire(receiver)
    receiver.script = [answer(308, b"", "Location: /there")]
    assert made.post(BODY) == made.post(BODY)
    assert receiver.requests[0].line == "POST /there HTTP/1.1" and receiver.requests[0].body == BODY
    receiver.script = [answer(301, b"", "Location: /there")]
    outcome = made.post(BODY)
    assert outcome.error == "" and "without the events" in outcome.unread
    assert receiver.requests[-1].line == "GET /there HTTP/1.1"
    receiver.always = answer(302, b"", "Location: /there")
    assert made.post(BODY).error.endswith("stopped after 10 redirects")


@pytest.mark.parametrize("target", ["ftp://x/", "http://127.0.0.1:1/", "https://127.0.0.1:99999/", "//[bad"])
def test_a_redirect_to_nowhere_is_an_error(receiver: Receiver, target: str):
    receiver.script = [answer(307, b"", f"Location: {target}")]
    assert wire(receiver).post(BODY).error


def test_credentials_do_not_follow_to_another_host(receiver: Receiver, certificates: Certificates):
    other = Receiver(None)
    receiver.script = [answer(307, b"", f"Location: {other.url}/")]
    assert wire(receiver, token="secret").post(BODY).error == ""
    assert "authorization" not in other.requests[0].headers
    other.kill()


def test_a_certificate_of_somebody_else(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory):
    stranger = Receiver(Certificates(tmp_path_factory.mktemp("stranger")))
    config: dict[str, Any] = receiver.kubeconfig()
    config["clusters"][0]["cluster"]["server"] = stranger.url
    error = Wire(load(config), 3).post(BODY).error
    assert error == f'Post "{stranger.url}/?timeout=30s": tls: failed to verify certificate: x509: certificate signed by unknown authority'
    config["clusters"][0]["cluster"] = {"server": stranger.url, "insecure-skip-tls-verify": True}
    assert Wire(load(config), 3).post(BODY).error == ""
    stranger.kill()


def test_a_certificate_for_another_name(tmp_path_factory: pytest.TempPathFactory):
    named = Receiver(Certificates(tmp_path_factory.mktemp("named"), "DNS:receiver.example"))
    config = named.kubeconfig()
    assert "x509: " in Wire(load(config), 3).post(BODY).error
    config["clusters"][0]["cluster"]["tls-server-name"] = "receiver.example"
    assert Wire(load(config), 3).post(BODY).error == ""
    named.kill()


def test_a_client_certificate_is_shown(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory):
    import base64
    import ssl

    receiver = Receiver(certificates)
    assert receiver.context is not None
    receiver.context.verify_mode = ssl.CERT_REQUIRED
    receiver.context.load_verify_locations(certificates.certificate)
    assert wire(receiver).post(BODY).error
    pair = {
        "client-certificate-data": base64.b64encode(certificates.certificate.read_bytes()).decode(),
        "client-key-data": base64.b64encode(certificates.key.read_bytes()).decode(),
    }
    assert wire(receiver, **pair).post(BODY).error == ""
    assert receiver.client is not None and receiver.client["subject"] == ((("commonName", "receiver"),),)
    receiver.kill()


def test_plain_http_and_plain_nonsense(certificates: Certificates):
    plain = Receiver(None)
    assert Wire(load(plain.kubeconfig()), 3).post(BODY).error == ""
    config = plain.kubeconfig()
    config["clusters"][0]["cluster"] = {"server": plain.url.replace("http:", "https:"), "insecure-skip-tls-verify": True}
    assert "Post " in Wire(load(config), 3).post(BODY).error
    plain.kill()
