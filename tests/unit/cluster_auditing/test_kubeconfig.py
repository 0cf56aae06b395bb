"""Where a receiver is.

upstream: staging/src/k8s.io/apiserver/pkg/util/webhook/webhook_test.go (TestKubeConfigFile, TestMissingKubeConfigFile, TestTLSConfig), 1.28;
client-go/tools/clientcmd/{validation,client_config}.go, client-go/rest/url_utils_test.go.
"""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubelab.cluster.auditing.kubeconfig import load
from tests.receivers import Certificates

NONE = "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable"


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    made = Certificates(tmp_path_factory.mktemp("pem"))
    return {name: base64.b64encode(path.read_bytes()).decode() for name, path in (("cert", made.certificate), ("key", made.key))}


def config(cluster: dict[str, Any] | None, user: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """As upstream's tests make them: without names, which the absent current context refers to."""
    made: dict[str, Any] = dict(more)
    if cluster is not None:
        made["clusters"] = [{"name": "", "cluster": cluster}]
    if user is not None:
        made["users"] = [{"name": "", "user": user}]
    return made


SERVER = {"server": "https://webhook.example.com", "insecure-skip-tls-verify": True}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({"clusters": [{"name": "fake", "cluster": SERVER}]}, NONE, id="missing context (no default, none specified)"),
        pytest.param(
            {"contexts": [{"name": "testing-context", "context": {}}], "current-context": "testing-context"},
            NONE,
            id="context without cluster",
        ),
        pytest.param(
            {"contexts": [{"name": "fake", "context": {"cluster": "missing-cluster"}}], "current-context": "fake"},
            'cluster "missing-cluster" does not exist',
            id="context with missing cluster",
        ),
        pytest.param(
            config(SERVER, contexts=[{"name": "c", "context": {"user": "missing-user"}}], **{"current-context": "c"}),
            'auth info "missing-user" does not exist',
            id="context with missing user",
        ),
        pytest.param(
            config(SERVER, **{"current-context": "nope"}), 'context "nope" does not exist', id="current context that is not there"
        ),
        pytest.param({}, NONE, id="empty"),
        pytest.param(config({"server": ""}), NONE, id="cluster without server"),
        pytest.param(
            config({"certificate-authority": "/mydir/ca.pem", "server": "https://a"}),
            "invalid configuration: unable to read certificate-authority /mydir/ca.pem for  due to open /mydir/ca.pem: no such file or directory",
            id="cluster with invalid CA certificate path",
        ),
        pytest.param(
            config({"certificate-authority-data": base64.b64encode(b"not a cert").decode(), "server": "https://a"}),
            "unable to load root certificates: unable to parse bytes as PEM block",
            id="cluster with invalid CA certificate - no PEM",
        ),
        pytest.param(
            config({"certificate-authority-data": "no base64!", "server": "https://a"}),
            'cluster "": certificate-authority-data: illegal base64 data: give the file\'s content in base64',
            id="CA data that is no base64",
        ),
        pytest.param(
            config(SERVER, {"token": "t", "username": "u"}),
            "invalid configuration: more than one authentication method found for ; found [token basicAuth], only one is allowed",
            id="two ways to authenticate",
        ),
        pytest.param(
            config(SERVER, {"client-certificate-data": "eA=="}),
            "invalid configuration: client-key-data or client-key must be specified for  to use the clientCert authentication method.",
            id="certificate without key",
        ),
        pytest.param(
            config({"server": "localhost/path"}), 'host must be a URL or a host:port pair: "localhost/path"', id="host with a path"
        ),
        pytest.param(config({"server": "https://a:b"}), 'parse "https://a:b": invalid port', id="port that is no number"),
        pytest.param(
            config({"server": "ftp://a"}), 'server "ftp://a": unsupported protocol scheme "ftp": use https', id="another protocol"
        ),
        pytest.param(
            config(SERVER, {"exec": {"command": "aws"}}),
            'invalid configuration: exec of user "" is not supported here: give a token, a client certificate or a password',
            id="exec plug-in",
        ),
        pytest.param(config({"server": 7}), 'cluster "": server: 7 is not text', id="server that is no text"),
        pytest.param({"clusters": "x"}, "clusters: give a list of {name, cluster}", id="clusters that are no list"),
        pytest.param(
            config(SERVER, {"token": "a\nb"}), 'user "": a line break in what goes into the header Authorization', id="split header"
        ),
    ],
)
def test_what_will_not_do(given: dict[str, Any], message: str):
    with pytest.raises(ValueError) as refused:
        load(given)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("cluster", "user", "message"),
    [
        pytest.param(
            {"certificate-authority-data": "key"},
            {},
            "unable to load root certificates: no valid certificate authority data seen",
            id="key for CA",
        ),
        pytest.param(
            {"certificate-authority-data": "cert", "insecure-skip-tls-verify": True},
            {},
            "specifying a root certificates file with the insecure flag is not allowed",
            id="CA and insecure",
        ),
        pytest.param(
            {"insecure-skip-tls-verify": True},
            {"client-certificate-data": "key", "client-key-data": "key"},
            "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched",
            id="user with invalid client certificate",
        ),
        pytest.param(
            {"insecure-skip-tls-verify": True},
            {"client-certificate-data": "cert", "client-key-data": "cert"},
            "tls: found a certificate rather than a key in the PEM for the private key",
            id="user with invalid client key",
        ),
        pytest.param(
            {"insecure-skip-tls-verify": True},
            {"client-certificate": "/mydir/client.cert", "client-key-data": "key"},
            "invalid configuration: unable to read client-cert /mydir/client.cert for  due to open /mydir/client.cert: no such file or directory",
            id="user with invalid client certificate path",
        ),
    ],
)
def test_certificates_that_will_not_do(pem: dict[str, str], cluster: dict[str, Any], user: dict[str, Any], message: str):
    fill = {"cert": pem["cert"], "key": pem["key"]}
    given = config({"server": "https://a", **_filled(cluster, fill)}, _filled(user, fill))
    with pytest.raises(ValueError) as refused:
        load(given)
    assert str(refused.value) == message


def _filled(values: dict[str, Any], fill: dict[str, str]) -> dict[str, Any]:
    return {key: fill.get(value, value) if isinstance(value, str) else value for key, value in values.items()}


def test_a_certificate_that_cannot_be_parsed():
    """upstream: "cluster with invalid CA certificate - parse error" """
    broken = b"\n-----BEGIN CERTIFICATE-----\nMIIDGTCCAgGgAwIBAgIUOS2M\n-----END CERTIFICATE-----\n"
    with pytest.raises(ValueError, match="^unable to load root certificates: failed to parse certificate: x509: malformed certificate"):
        load(config({"server": "https://a", "certificate-authority-data": base64.b64encode(broken).decode()}))


def test_valid_configurations(pem: dict[str, str], tmp_path: Path):
    embedded = load(
        config(
            {"server": "https://webhook.example.com", "certificate-authority-data": pem["cert"]},
            {"client-certificate-data": pem["cert"], "client-key-data": pem["key"]},
        )
    )
    for name, data in (("ca.pem", pem["cert"]), ("client.pem", pem["cert"]), ("client-key.pem", pem["key"])):
        (tmp_path / name).write_bytes(base64.b64decode(data))
    files = config(
        {"server": "https://webhook.example.com", "certificate-authority": str(tmp_path / "ca.pem")},
        {"client-certificate": "client.pem", "client-key": "client-key.pem"},  # beside the kubeconfig
    )
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(files))
    for found in (embedded, load(path)):
        assert found.context is not None and found.context.verify_mode is ssl.CERT_REQUIRED
        assert (found.host, found.port, found.url) == ("webhook.example.com", 443, "https://webhook.example.com/?timeout=30s")


@pytest.mark.parametrize(
    ("server", "insecure", "url"),
    [
        ("127.0.0.1", False, "http://127.0.0.1/?timeout=30s"),
        ("127.0.0.1:8080", False, "http://127.0.0.1:8080/?timeout=30s"),
        ("localhost", True, "https://localhost/?timeout=30s"),
        ("http://foo.com", False, "http://foo.com/?timeout=30s"),
        ("https://foo.com:80/a/b/", True, "https://foo.com:80/a/b?timeout=30s"),
        ("https://foo.com/log?token=x#y", True, "https://foo.com/log?timeout=30s"),
        ("https://[::1]:9443", True, "https://[::1]:9443/?timeout=30s"),
    ],
)
def test_addresses(server: str, insecure: bool, url: str):
    found = load(config({"server": server, "insecure-skip-tls-verify": insecure}))
    assert found.url == url
    assert (found.context is not None) == url.startswith("https")


def test_who_the_client_is():
    assert load(config(SERVER, {"token": "abc"})).headers == (("Authorization", "Bearer abc"),)
    assert load(config(SERVER, {"username": "u", "password": "p"})).headers == (("Authorization", "Basic dTpw"),)
    assert load(config(SERVER, {"as": "jane", "as-groups": ["dev"]})).headers == (
        ("Impersonate-User", "jane"),
        ("Impersonate-Group", "dev"),
    )
    assert load(config({"server": "http://a"}, {"token": "abc"})).headers == ()  # never in the clear
    assert load(config({**SERVER, "tls-server-name": "other"})).server_name == "other"


def test_a_file_that_is_not_there_or_cannot_be_read(tmp_path: Path):
    with pytest.raises(ValueError, match="^stat /some/missing/path: no such file or directory$"):
        load("/some/missing/path")
    for text, words in (
        ("a: [", "yaml: while parsing"),
        ("- 1", "cannot unmarshal list into a Config"),
        ("", "no configuration has been provided"),
    ):
        path = tmp_path / "kubeconfig"
        path.write_text(text)
        with pytest.raises(ValueError, match=words):
            load(path)
    with pytest.raises(ValueError, match="is a directory"):
        load(tmp_path)
    with pytest.raises(ValueError, match="give the path of a kubeconfig file"):
        load(7)  # type: ignore[arg-type]
