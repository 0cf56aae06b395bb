"""The test image of the documentation's pages on probes and services.

Upstream: test/images/agnhost/{liveness,netexec,serve-hostname,test-webserver,grpc-health-checking,pause}, 1.28.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote_plus, urlsplit

from kubelab.cri.api import ContainerSpec, World
from kubelab.cri.effects import HttpAnswer
from kubelab.cri.programs import tools
from kubelab.cri.programs.base import Base, Memory
from kubelab.cri.programs.settings import command_text, number

_ALIVE_NS = 10 * 1_000_000_000
_PORTS = {"liveness": 8080, "netexec": 8080, "serve-hostname": 9376, "test-webserver": 80, "grpc-health-checking": 5000}
_PORT = re.compile(r"--(?:http-)?port[= ](\d+)")
_IMAGES = ("agnhost", "liveness", "serve_hostname", "test-webserver")
_OLD_NAMES = {"serve_hostname": "serve-hostname"}


class Agnhost(Base):
    """Subcommands `liveness`, `netexec`, `serve-hostname`, `test-webserver`, `grpc-health-checking`, `pause`; the old images that became them."""

    name = "agnhost"

    def claims(self, image: str, command: tuple[str, ...], args: tuple[str, ...]) -> bool:
        return tools.repository(image).rpartition("/")[2] in _IMAGES and (not command or command[0].rpartition("/")[2] == "agnhost")

    def init(self, spec: ContainerSpec, now_ns: int, world: World) -> Memory:
        return Memory(own=now_ns)

    def probe_tcp(self, spec: ContainerSpec, state: Memory, port: int, now_ns: int, world: World) -> bool:
        found = _PORT.search(command_text(spec))
        default = _PORTS.get(self.subcommand(spec), 0)
        return port == (number(found[1], default) if found else default)

    def probe_http(self, spec: ContainerSpec, state: Memory, port: int, path: str, now_ns: int, world: World) -> HttpAnswer | None:
        if not self.probe_tcp(spec, state, port, now_ns, world):
            return None
        subcommand, page = self.subcommand(spec), path.split("?")[0]
        hostname = spec.hostname or spec.pod_name
        if subcommand == "liveness":
            return self._liveness(page, path, now_ns - state.own)
        if subcommand == "serve-hostname" or (subcommand == "netexec" and page in ("/hostname", "/hostName")):
            return HttpAnswer(200, hostname)
        return HttpAnswer(200, "")

    @staticmethod
    def _liveness(page: str, path: str, age_ns: int) -> HttpAnswer:
        if page == "/redirect":
            where = unquote_plus(unquote_plus(parse_qs(urlsplit(path).query).get("loc", [""])[0]))
            return HttpAnswer(302, f'<a href="{where}">Found</a>.\n\n', where)
        if page == "/healthz":
            return HttpAnswer(200, "ok") if age_ns <= _ALIVE_NS else HttpAnswer(500, f"error: {age_ns / 1_000_000_000:g}")
        return HttpAnswer(200 if page == "/started" else 404, "")

    @staticmethod
    def subcommand(spec: ContainerSpec) -> str:
        """What the container runs."""
        own = tools.repository(spec.image).rpartition("/")[2]
        if own != "agnhost":
            return _OLD_NAMES.get(own, own)
        words = spec.args or spec.command[1:]
        return words[0] if words else "pause"
