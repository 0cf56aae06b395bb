"""Commands that look at the network: `nslookup`, `wget`, `curl`, `nc`.

Upstream: busybox networking (wget.c, nslookup.c, nc.c); curl's exit codes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from kubelab.cri.effects import HttpAnswer
from kubelab.cri.shell.call import Call
from kubelab.cri.shell.files import Denied
from kubelab.cri.shell.utilities import serve

_URL = re.compile(r"(?:(https?)://)?(?:[^@/]*@)?(\[[0-9a-fA-F:]+\]|[^/:?#]+)(?::(\d{1,5}))?([/?#].*)?")
_VALUED_WGET = ("-O", "-T", "-t", "-U", "-P")
_VALUED_CURL = (
    "-o",
    "-m",
    "-H",
    "-X",
    "-d",
    "-u",
    "-w",
    "-A",
    "--max-time",
    "--connect-timeout",
    "--retry",
    "--header",
    "--data",
    "--output",
)
_VALUED_NC = ("-w", "-i", "-p", "-s", "-e", "-q")
_DNS = "10.96.0.10"


def nslookup(call: Call) -> int:
    """`nslookup NAME`: status 1 if the name does not resolve."""
    names = [word for word in call.arguments if not word.startswith("-")]
    if not names:
        return call.fail("usage: nslookup HOST [DNS_SERVER]")
    address = call.machine.world.resolve(names[0])
    call.out(f"Server:\t\t{_DNS}\nAddress:\t{_DNS}:53\n\n")
    if address is None:
        call.out(f"** server can't find {names[0]}: NXDOMAIN\n\n")
        return 1
    call.out(f"Name:\t{names[0]}\nAddress: {address}\n\n")
    return 0


def wget(call: Call) -> int:
    """`wget [-q] [-O FILE | -] [--spider] URL`."""
    options, urls = _options(call.arguments, _VALUED_WGET)
    if not urls:
        return call.fail("missing URL")
    host, port, path = _split(urls[0])
    if call.machine.world.resolve(host) is None:
        return call.fail(f"bad address '{host}'")
    answer = call.machine.world.http(host, port, path)
    if answer is None:
        return call.fail(f"can't connect to remote host ({call.machine.world.resolve(host)}): Connection refused")
    if answer.code >= 400:
        return call.fail(f"server returned error: HTTP/1.1 {answer.code}")
    if "--spider" in options:
        return 0
    target = options.get("-O") or path.rstrip("/").rpartition("/")[2] or "index.html"
    return _save(call, answer, target)


def curl(call: Call) -> int:
    """`curl [-sSfIko FILE] URL`: 6 unknown host, 7 refused, 22 HTTP error with `-f`."""
    options, urls = _options(call.arguments, _VALUED_CURL)
    letters = "".join(name[1:] for name in options if re.fullmatch(r"-[a-zA-Z]+", name))
    quiet = "s" in letters and "S" not in letters
    if not urls:
        return call.fail("no URL specified!", 2)
    host, port, path = _split(urls[0])

    def refuse(code: int, text: str) -> int:
        return code if quiet else call.fail(f"({code}) {text}", code)

    if call.machine.world.resolve(host) is None:
        return refuse(6, f"Could not resolve host: {host}")
    answer = call.machine.world.http(host, port, path)
    if answer is None:
        return refuse(7, f"Failed to connect to {host} port {port}: Connection refused")
    if answer.code >= 400 and ("f" in letters or "--fail" in options):
        return refuse(22, f"The requested URL returned error: {answer.code}")
    if "I" not in letters:
        status = _save(call, answer, options.get("-o") or options.get("--output") or "-")
        if status:
            return status
    if "-w" in options:
        call.out(options["-w"].replace("%{http_code}", str(answer.code)).replace("\\n", "\n"))
    return 0


def nc(call: Call) -> int | None:
    """`nc [-z] HOST PORT`: whether the port is open; `nc -l` listens for ever; `echo ruok | nc` asks."""
    options, words = _options(call.arguments, _VALUED_NC)
    if any(re.fullmatch(r"-[a-z]*l[a-z]*", name) for name in options):
        return serve(call.process)
    if len(words) < 2 or not words[1].isdigit():
        return call.fail("bad port")
    host, port = words[0], int(words[1])
    world = call.machine.world
    if world.resolve(host) is None:
        return call.fail(f"bad address '{host}'")
    if not world.tcp(host, port):
        return call.fail(f"can't connect to remote host ({world.resolve(host)}): Connection refused")
    asked = call.process.input.strip()
    if asked and not any("z" in name for name in options):
        answer = world.http(host, port, f"tcp:{asked}")
        if answer is not None and answer.code == 0:
            call.out(answer.body)
    return 0


def _options(words: list[str], valued: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
    """Options by name and the other words, as getopt reads them: `-qO-` is `-q -O -`."""
    options: dict[str, str] = {}
    plain: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            plain.append(word)
        elif word.startswith("--"):
            options[word] = rest.pop(0) if word in valued and rest else ""
        else:
            for index, letter in enumerate(word[1:], 2):
                if f"-{letter}" in valued:
                    options[f"-{letter}"] = word[index:] or (rest.pop(0) if rest else "")
                    break
                options[f"-{letter}"] = ""
    return options, plain


def _split(url: str) -> tuple[str, int, str]:
    found = _URL.fullmatch(url)
    if found is None:
        return url, 80, "/"
    scheme, host, port, path = found.groups()
    path = path or "/"
    return host.strip("[]"), int(port or (443 if scheme == "https" else 80)), path if path.startswith("/") else f"/{path}"


def _save(call: Call, answer: HttpAnswer, target: str) -> int:
    if target in ("-", "/dev/stdout"):
        call.out(answer.body)
        return 0
    try:
        call.machine.files.write(call.path(target), answer.body)
    except Denied as error:
        return call.fail(f"can't open '{target}': {error}")
    return 0


NETWORK: dict[str, Callable[[Call], int | None]] = {"nslookup": nslookup, "wget": wget, "curl": curl, "nc": nc}
