"""Where a receiver is and how to speak to it, out of a kubeconfig file.

upstream: client-go/tools/clientcmd/{client_config,validation}.go, client-go/rest/{config,url_utils}.go, client-go/transport/transport.go, 1.28.
Messages are upstream's; what upstream accepts and this lab does not do (exec plug-ins, auth providers) is refused by name.
"""

from __future__ import annotations

import base64
import binascii
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import yaml

NO_CONFIG = "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable"
TIMEOUT = "30s"


@dataclass(frozen=True, slots=True)
class Destination:
    """A receiver: its address, and what a call to it needs. ``context`` is None for plain HTTP."""

    scheme: str
    host: str
    port: int
    path: str
    context: ssl.SSLContext | None
    server_name: str
    headers: tuple[tuple[str, str], ...] = ()
    token_file: str = ""
    proxy: str = ""
    shown: str = field(default="", compare=False)

    @property
    def url(self) -> str:
        """The address as upstream's errors name it."""
        return f"{self.shown}{self.path}"


def load(source: str | Path | Mapping[str, Any]) -> Destination:
    """The receiver that a kubeconfig (a file, or its content as text or dict) names; ValueError says what is wrong with it."""
    config, base = _read(source)
    contexts = _named(config, "contexts", "context")
    current = _string(config, "current-context", "")
    if current and current not in contexts:
        raise ValueError(f'context "{current}" does not exist')
    context = contexts.get(current, {})
    user_name, cluster_name = _string(context, "user", "context"), _string(context, "cluster", "context")
    users, clusters = _named(config, "users", "user"), _named(config, "clusters", "cluster")
    if user_name and user_name not in users:
        raise ValueError(f'auth info "{user_name}" does not exist')
    if cluster_name and cluster_name not in clusters:
        raise ValueError(f'cluster "{cluster_name}" does not exist')
    cluster = _Part(clusters.get(cluster_name, {}), f'cluster "{cluster_name}"', base)
    user = _Part(users.get(user_name, {}), f'user "{user_name}"', base)
    complaints = [*_check_user(user_name, user), *_check_cluster(cluster_name, cluster)]
    if not cluster.values:
        raise ValueError(NO_CONFIG)
    if complaints:
        raise ValueError(f"invalid configuration: {complaints[0] if len(complaints) == 1 else '[' + ', '.join(complaints) + ']'}")
    return _destination(cluster, user)


class _Part:
    """The settings of one cluster or user, with files read beside the kubeconfig."""

    def __init__(self, values: Mapping[str, Any], name: str, base: Path) -> None:
        self.values = {key: value for key, value in values.items() if value not in (None, "", False)}
        self.name = name
        self.base = base

    def text(self, key: str) -> str:
        return _string(self.values, key, self.name)

    def file(self, key: str) -> Path | None:
        given = self.text(key)
        return self.base / given if given else None

    def data(self, key: str) -> bytes:
        given = self.text(key)
        try:
            return base64.b64decode(given, validate=True) if given else b""
        except (binascii.Error, ValueError):
            raise ValueError(f"{self.name}: {key}: illegal base64 data: give the file's content in base64") from None

    def content(self, key: str) -> bytes:
        """``KEY-data``, or else what the file ``KEY`` holds."""
        data = self.data(f"{key}-data")
        path = self.file(key)
        return data or (path.read_bytes() if path is not None else b"")


def _read(source: str | Path | Mapping[str, Any]) -> tuple[Mapping[str, Any], Path]:
    if isinstance(source, Mapping):
        return source, Path()
    if not isinstance(source, (str, Path)) or not str(source):
        raise ValueError(f"kubeconfig={source!r}: give the path of a kubeconfig file, or its content as a dict")
    path = Path() if isinstance(source, str) and "\n" in source else Path(source)
    if path == Path():
        return _parsed(str(source), "text"), path
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ValueError(f"stat {source}: no such file or directory") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f'error loading config file "{source}": {str(getattr(error, "strerror", None) or error).lower()}') from None
    return _parsed(text, str(source)), path.parent


def _parsed(text: str, name: str) -> Mapping[str, Any]:
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f'error loading config file "{name}": yaml: {" ".join(str(error).split())}') from None
    if config is None:
        raise ValueError(NO_CONFIG)
    if not isinstance(config, dict):
        raise ValueError(f'error loading config file "{name}": cannot unmarshal {type(config).__name__} into a Config')
    return config


def _named(config: Mapping[str, Any], key: str, inner: str) -> dict[str, Mapping[str, Any]]:
    """A list of ``{name, INNER}`` as a dict."""
    entries = config.get(key) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{key}: give a list of {{name, {inner}}}")
    found: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        value = entry.get(inner) or {}
        if not isinstance(value, dict):
            raise ValueError(f"{key}: {entry.get('name', '')}: {inner} is {value!r}: give its settings")
        found.setdefault(str(entry.get("name") or ""), value)
    return found


def _string(values: Mapping[str, Any], key: str, where: str) -> str:
    found = values.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise ValueError(f"{where}: {key}: {found!r} is not text".lstrip(": "))
    return found


def _check_user(name: str, user: _Part) -> list[str]:
    for key in ("exec", "auth-provider"):
        if key in user.values:
            return [f"{key} of {user.name} is not supported here: give a token, a client certificate or a password"]
    complaints = []
    methods = []
    if user.text("token"):
        methods.append("token")
    if user.text("username") or user.text("password"):
        methods.append("basicAuth")
    if user.text("client-certificate") or user.text("client-certificate-data"):
        if user.text("client-certificate") and user.text("client-certificate-data"):
            complaints.append(f"client-cert-data and client-cert are both specified for {name}. client-cert-data will override.")
        if user.text("client-key") and user.text("client-key-data"):
            complaints.append(f"client-key-data and client-key are both specified for {name}; client-key-data will override")
        if not user.text("client-key") and not user.text("client-key-data"):
            complaints.append(f"client-key-data or client-key must be specified for {name} to use the clientCert authentication method.")
        complaints += [
            *_unreadable("client-cert", name, user.file("client-certificate")),
            *_unreadable("client-key", name, user.file("client-key")),
        ]
    if len(methods) > 1:
        complaints.append(f"more than one authentication method found for {name}; found [{' '.join(methods)}], only one is allowed")
    if (user.values.get("as-uid") or user.values.get("as-groups") or user.values.get("as-user-extra")) and not user.text("as"):
        complaints.append(f"requesting uid, groups or user-extra for {name} without impersonating a user")
    return complaints


def _check_cluster(name: str, cluster: _Part) -> list[str]:
    if not cluster.values:
        return []
    complaints = []
    if not cluster.text("server"):
        complaints.append(f'no server found for cluster "{name}"' if name else "default cluster has no server defined")
    proxy = cluster.text("proxy-url")
    if proxy and urlsplit(proxy).scheme not in ("http", "https", "socks5"):
        complaints.append(f'invalid \'proxy-url\' "{proxy}" for cluster "{name}": unsupported scheme "{urlsplit(proxy).scheme}"')
    if cluster.text("certificate-authority") and cluster.text("certificate-authority-data"):
        complaints.append(
            f"certificate-authority-data and certificate-authority are both specified for {name}. certificate-authority-data will override."
        )
    return [*complaints, *_unreadable("certificate-authority", name, cluster.file("certificate-authority"))]


def _unreadable(what: str, name: str, path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        path.open("rb").close()
    except OSError as error:
        return [f"unable to read {what} {path} for {name} due to open {path}: {(error.strerror or str(error)).lower()}"]
    return []


def _destination(cluster: _Part, user: _Part) -> Destination:
    server = cluster.text("server")
    authority = cluster.content("certificate-authority")
    insecure = cluster.values.get("insecure-skip-tls-verify") is True
    certificate = user.content("client-certificate")
    url = _server_url(server, tls=bool(authority or insecure or certificate))
    secure = url.scheme == "https"
    try:
        port = url.port or (443 if secure else 80)
    except ValueError:
        raise ValueError(f'parse "{server}": invalid port') from None
    path = url.path.rstrip("/") or "/"
    context = _tls(authority, certificate, user.content("client-key"), insecure=insecure) if secure else None
    host = url.hostname or ""
    return Destination(
        url.scheme,
        host,
        port,
        f"{path}?timeout={TIMEOUT}",
        context,
        cluster.text("tls-server-name") or host,
        _credentials(user) if secure else (),
        str(user.file("tokenFile") or "") if secure and not user.text("token") else "",
        cluster.text("proxy-url"),
        f"{url.scheme}://{url.netloc.rpartition('@')[2]}",
    )


def _server_url(server: str, *, tls: bool) -> SplitResult:
    """A URL, or ``host:port``, which is taken for HTTPS where certificates are at stake."""
    url = urlsplit(server)
    if url.scheme in ("http", "https") and url.netloc:
        return url
    if url.scheme and url.netloc:
        raise ValueError(f'server "{server}": unsupported protocol scheme "{url.scheme}": use https')
    url = urlsplit(f"{'https' if tls else 'http'}://{server}")
    if url.path not in ("", "/"):
        raise ValueError(f'host must be a URL or a host:port pair: "{server}"')
    return url


def _credentials(user: _Part) -> tuple[tuple[str, str], ...]:
    headers: list[tuple[str, str]] = []
    name, password = user.text("username"), user.text("password")
    if name or password:
        headers.append(("Authorization", "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()))
    elif token := user.text("token"):
        headers.append(("Authorization", f"Bearer {token}"))
    if user.text("as"):
        headers.append(("Impersonate-User", user.text("as")))
        if user.text("as-uid"):
            headers.append(("Impersonate-Uid", user.text("as-uid")))
        headers += [("Impersonate-Group", str(group)) for group in user.values.get("as-groups") or []]
    for header, text in headers:
        if "\n" in text or "\r" in text:
            raise ValueError(f"{user.name}: a line break in what goes into the header {header}")
    return tuple(headers)


def _tls(authority: bytes, certificate: bytes, key: bytes, *, insecure: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if insecure:
        if authority:
            raise ValueError("specifying a root certificates file with the insecure flag is not allowed")
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authority:
        _trust(context, authority)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if certificate:
        _present(context, certificate, key)
    return context


def _trust(context: ssl.SSLContext, authority: bytes) -> None:
    """Only what these certificates vouch for; a server's own certificate may be among them."""
    if b"-----BEGIN " not in authority:
        raise ValueError("unable to load root certificates: unable to parse bytes as PEM block")
    if b"-----BEGIN CERTIFICATE-----" not in authority:
        raise ValueError("unable to load root certificates: no valid certificate authority data seen")
    try:
        context.load_verify_locations(cadata=authority.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError) as error:
        reason = getattr(error, "reason", "") or error
        raise ValueError(f"unable to load root certificates: failed to parse certificate: x509: malformed certificate ({reason})") from None
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def _present(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """A client certificate; Python takes it from files only, which are gone afterwards."""
    if b"-----BEGIN CERTIFICATE-----" not in certificate:
        if b"PRIVATE KEY-----" in certificate:
            raise ValueError(
                "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched"
            )
        raise ValueError("tls: failed to find any PEM data in certificate input")
    if b"PRIVATE KEY-----" not in key:
        if b"-----BEGIN CERTIFICATE-----" in key:
            raise ValueError("tls: found a certificate rather than a key in the PEM for the private key")
        raise ValueError("tls: failed to find any PEM data in key input")
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder, "client.pem")
        chain.touch(mode=0o600)
        chain.write_bytes(certificate + b"\n" + key)
        try:
            context.load_cert_chain(chain)
        except ssl.SSLError as error:
            raise ValueError(f"tls: the client's certificate and key cannot be used together: {error.reason or error}") from None
