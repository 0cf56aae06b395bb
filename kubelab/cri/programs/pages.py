"""What web servers' images contain and serve: their first page, which a process in the container can change, take away and put back.

Upstream: the Dockerfiles of the official nginx and httpd images; nginx answers a directory without index with 403, a missing file with 404.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from kubelab.cri.api import ContainerSpec, World
from kubelab.cri.effects import HttpAnswer
from kubelab.cri.programs import tools
from kubelab.cri.shell.files import Denied, FileView

_NGINX, _HTTPD = "/usr/share/nginx/html", "/usr/local/apache2/htdocs"
_ROOTS = {"nginx": _NGINX, "nginx-slim": _NGINX, "nginx-unprivileged": _NGINX, "httpd": _HTTPD}
_WELCOME = {
    _NGINX: "<!DOCTYPE html>\n<html>\n<head>\n<title>Welcome to nginx!</title>\n</head>\n<body>\n<h1>Welcome to nginx!</h1>\n</body>\n</html>\n",
    _HTTPD: "<html><body><h1>It works!</h1></body></html>\n",
}
_OK = HttpAnswer(200, "ok\n")
_NO_FILES: dict[str, str] = {}


@lru_cache(maxsize=1024)
def web_root(image: str) -> str:
    """Directory that an image serves; empty if it is no web server's."""
    return _ROOTS.get(tools.repository(image).rpartition("/")[2], "")


def image_files(image: str) -> dict[str, str]:
    """Files of an image that somebody may ask for, by absolute path."""
    root = web_root(image)
    return {f"{root}/index.html": _WELCOME[root]} if root else _NO_FILES


def answer(spec: ContainerSpec, files: Mapping[str, str], path: str, world: World) -> HttpAnswer:
    """The answer to GET: a file that is there; a first page that was taken away is missed; any other path is just ok."""
    root = web_root(spec.image)
    if not root:
        return _OK
    name = path.split("?")[0].split("#")[0]
    place = f"{root}{name}{'index.html' if name.endswith('/') else ''}"
    found = read_container_file(spec, files, place, world) if spec.mounts else files.get(place)
    if found is not None:
        return HttpAnswer(200, found)
    if name not in ("/", "/index.html") or _mounted_over(spec, root):
        return _OK
    return HttpAnswer(403, "403 Forbidden\n") if name == "/" else HttpAnswer(404, "404 Not Found\n")


def read_container_file(spec: ContainerSpec, files: Mapping[str, str], path: str, world: World) -> str | None:
    """A file as a container sees it, None if it is not there."""
    view = FileView(files, spec.mounts, spec.hostname or spec.pod_name, spec.namespace, world, spec.domain)
    try:
        return view.read(path)
    except Denied:
        return None


def _mounted_over(spec: ContainerSpec, root: str) -> bool:
    return any(root == mount.container_path or root.startswith(mount.container_path.rstrip("/") + "/") for mount in spec.mounts)
