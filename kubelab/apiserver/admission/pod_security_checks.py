"""The Pod Security Standards: each check says what of a pod a level forbids, as (reason, detail), or None.

upstream: staging/src/k8s.io/pod-security-admission/policy/{check_*,registry,visitor}.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kubelab.kinds.field import go_quote
from kubelab.store.log import Object

Finding = tuple[str, str]
Run = Callable[[Object, Object], "Finding | None"]  # (metadata, spec)
LATEST = 1 << 30

_CAPABILITIES = (
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
)
_SELINUX_TYPES = ("", "container_t", "container_init_t", "container_kvm_t")
_SYSCTLS = (
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
)
_SYSCTLS_1_27 = (*_SYSCTLS, "net.ipv4.ip_local_reserved_ports")
_VOLUMES = ("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret")
_SECCOMP = ("Localhost", "RuntimeDefault")
_APP_ARMOR = "container.apparmor.security.beta.kubernetes.io"
_SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"


# -- words ---------------------------------------------------------------------------------------------------------------
def _quoted(items: Iterable[str]) -> str:
    return ", ".join(f'"{item}"' for item in items)


def _plural(word: str, items: list[str]) -> str:
    return word if len(items) == 1 else f"{word}s"


def _named(word: str, items: list[str]) -> str:
    return f"{_plural(word, items)} {_quoted(items)}"


def _setters(pod: bool, containers: list[str]) -> str:
    """Who sets something: the pod, some containers, or both."""
    return " and ".join((["pod"] if pod else []) + ([_named("container", containers)] if containers else []))


def _containers(spec: Object) -> Iterator[Object]:
    for field in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(field) or ()


def _context(holder: Object) -> Object:
    return holder.get("securityContext") or {}


def _names(spec: Object, bad: Callable[[Object], Any]) -> list[str]:
    return [container["name"] for container in _containers(spec) if bad(container)]


# -- baseline ------------------------------------------------------------------------------------------------------------
def _app_armor(meta: Object, spec: Object) -> Finding | None:
    bad = [
        f"{key}={go_quote(value)}"
        for key, value in sorted((meta.get("annotations") or {}).items())
        if key.startswith(f"{_APP_ARMOR}/") and value and value != "runtime/default" and not value.startswith("localhost/")
    ]
    return (_plural("forbidden AppArmor profile", bad), ", ".join(sorted(bad))) if bad else None


def _added(container: Object, allowed: tuple[str, ...]) -> list[str]:
    return [each for each in (_context(container).get("capabilities") or {}).get("add") or () if each not in allowed]


def _added_words(spec: Object, allowed: tuple[str, ...]) -> str:
    bad = _names(spec, lambda container: _added(container, allowed))
    if not bad:
        return ""
    added = sorted({each: None for container in _containers(spec) for each in _added(container, allowed)})
    return f"{_named('container', bad)} must not include {_quoted(added)} in securityContext.capabilities.add"


def _capabilities_baseline(meta: Object, spec: Object) -> Finding | None:
    words = _added_words(spec, _CAPABILITIES)
    return ("non-default capabilities", words) if words else None


def _host_namespaces(meta: Object, spec: Object) -> Finding | None:
    bad = [f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    return ("host namespaces", ", ".join(bad)) if bad else None


def _host_path_volumes(meta: Object, spec: Object) -> Finding | None:
    bad = [volume["name"] for volume in spec.get("volumes") or () if volume.get("hostPath") is not None]
    return ("hostPath volumes", _named("volume", bad)) if bad else None


def _host_ports_of(container: Object) -> list[str]:
    return [str(port["hostPort"]) for port in container.get("ports") or () if port.get("hostPort")]


def _host_ports(meta: Object, spec: Object) -> Finding | None:
    bad = _names(spec, _host_ports_of)
    if not bad:
        return None
    ports = sorted({each: None for container in _containers(spec) for each in _host_ports_of(container)})
    verb = "uses" if len(bad) == 1 else "use"
    return "hostPort", f"{_named('container', bad)} {verb} {_plural('hostPort', ports)} {', '.join(ports)}"


def _privileged(meta: Object, spec: Object) -> Finding | None:
    bad = _names(spec, lambda container: _context(container).get("privileged"))
    return ("privileged", f"{_named('container', bad)} must not set securityContext.privileged=true") if bad else None


def _proc_mount(meta: Object, spec: Object) -> Finding | None:
    kinds = {c["name"]: _context(c)["procMount"] for c in _containers(spec) if _context(c).get("procMount") not in (None, "Default")}
    if not kinds:
        return None
    bad, values = list(kinds), sorted(dict.fromkeys(kinds.values()))
    return "procMount", f"{_named('container', bad)} must not set securityContext.procMount to {_quoted(values)}"


def _selinux_of(holder: Object) -> Object:
    return _context(holder).get("seLinuxOptions") or {}


def _selinux_bad(holder: Object) -> bool:
    options = _selinux_of(holder)
    return bool(options.get("type", "") not in _SELINUX_TYPES or options.get("user") or options.get("role"))


def _selinux(meta: Object, spec: Object) -> Finding | None:
    pod, bad = _selinux_bad(spec), _names(spec, _selinux_bad)
    if not pod and not bad:
        return None
    holders = [_selinux_of(each) for each in (spec, *_containers(spec))]
    types = sorted({each["type"]: None for each in holders if each.get("type", "") not in _SELINUX_TYPES})
    data = [_named("type", types)] if types else []
    data += [f"{field} may not be set" for field in ("user", "role") if any(each.get(field) for each in holders)]
    return "seLinuxOptions", f"{_setters(pod, bad)} set forbidden securityContext.seLinuxOptions: {'; '.join(data)}"


def _seccomp_annotations(meta: Object, spec: Object) -> Finding | None:
    annotations = meta.get("annotations") or {}
    keys = (_SECCOMP_POD, *(f"{_SECCOMP_CONTAINER}{container['name']}" for container in _containers(spec)))
    bad = sorted({f"{key}={go_quote(annotations[key])}": None for key in keys if key in annotations and _bad_profile(annotations[key])})
    return ("seccompProfile", f"forbidden {_plural('annotation', bad)} {', '.join(bad)}") if bad else None


def _bad_profile(value: str) -> bool:
    return value not in ("runtime/default", "docker/default") and not value.startswith("localhost/")


def _seccomp_of(holder: Object) -> str | None:
    profile = _context(holder).get("seccompProfile")
    return None if profile is None else profile.get("type", "")


def _seccomp_bad(holder: Object) -> bool:
    kind = _seccomp_of(holder)
    return kind is not None and kind not in _SECCOMP


def _seccomp_baseline(meta: Object, spec: Object) -> Finding | None:
    pod, bad = _seccomp_bad(spec), _names(spec, _seccomp_bad)
    if not pod and not bad:
        return None
    values = sorted({str(_seccomp_of(each)): None for each in (spec, *_containers(spec)) if _seccomp_bad(each)})
    return "seccompProfile", f"{_setters(pod, bad)} must not set securityContext.seccompProfile.type to {_quoted(values)}"


def _forbidden_sysctls(spec: Object, allowed: tuple[str, ...]) -> Finding | None:
    bad = [each["name"] for each in _context(spec).get("sysctls") or () if each["name"] not in allowed]
    return ("forbidden sysctls", ", ".join(bad)) if bad else None


def _sysctls(meta: Object, spec: Object) -> Finding | None:
    return _forbidden_sysctls(spec, _SYSCTLS)


def _sysctls_1_27(meta: Object, spec: Object) -> Finding | None:
    return _forbidden_sysctls(spec, _SYSCTLS_1_27)


def _host_process_of(holder: Object) -> bool:
    return bool((_context(holder).get("windowsOptions") or {}).get("hostProcess"))


def _host_process(meta: Object, spec: Object) -> Finding | None:
    pod, bad = _host_process_of(spec), _names(spec, _host_process_of)
    if not pod and not bad:
        return None
    return "hostProcess", f"{_setters(pod, bad)} must not set securityContext.windowsOptions.hostProcess=true"


# -- restricted ----------------------------------------------------------------------------------------------------------
def _escalation(meta: Object, spec: Object) -> Finding | None:
    bad = _names(spec, lambda container: _context(container).get("allowPrivilegeEscalation") is not False)
    if not bad:
        return None
    return "allowPrivilegeEscalation != false", f"{_named('container', bad)} must set securityContext.allowPrivilegeEscalation=false"


def _capabilities_restricted(meta: Object, spec: Object) -> Finding | None:
    keeping = _names(spec, lambda container: "ALL" not in ((_context(container).get("capabilities") or {}).get("drop") or ()))
    words = [f'{_named("container", keeping)} must set securityContext.capabilities.drop=["ALL"]'] if keeping else []
    if added := _added_words(spec, ("NET_BIND_SERVICE",)):
        words.append(added)
    return ("unrestricted capabilities", "; ".join(words)) if words else None


def _restricted_volumes(meta: Object, spec: Object) -> Finding | None:
    bad = [volume for volume in spec.get("volumes") or () if not any(volume.get(kind) is not None for kind in _VOLUMES)]
    if not bad:
        return None
    kinds = sorted({next((key for key in volume if key != "name"), "unknown"): None for volume in bad})
    names = [volume["name"] for volume in bad]
    verb = "uses" if len(names) == 1 else "use"
    return "restricted volume types", f"{_named('volume', names)} {verb} {_named('restricted volume type', kinds)}"


def _run_as_non_root(meta: Object, spec: Object) -> Finding | None:
    wanted = _context(spec).get("runAsNonRoot")
    explicit = _names(spec, lambda container: _context(container).get("runAsNonRoot") is False)
    if wanted is False or explicit:
        return "runAsNonRoot != true", f"{_setters(wanted is False, explicit)} must not set securityContext.runAsNonRoot=false"
    implicit = [] if wanted else _names(spec, lambda container: _context(container).get("runAsNonRoot") is None)
    if not implicit:
        return None
    return "runAsNonRoot != true", f"pod or {_named('container', implicit)} must set securityContext.runAsNonRoot=true"


def _run_as_user(meta: Object, spec: Object) -> Finding | None:
    pod, bad = _context(spec).get("runAsUser") == 0, _names(spec, lambda container: _context(container).get("runAsUser") == 0)
    return ("runAsUser=0", f"{_setters(pod, bad)} must not set runAsUser=0") if pod or bad else None


def _seccomp_restricted(meta: Object, spec: Object) -> Finding | None:
    if bad := _seccomp_baseline(meta, spec):
        return bad
    if _seccomp_of(spec) in _SECCOMP:
        return None
    implicit = _names(spec, lambda container: _seccomp_of(container) is None)
    if not implicit:
        return None
    what = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return "seccompProfile", f"pod or {_named('container', implicit)} {what}"


# -- the registry --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Check:
    """One standard: its revisions as (first minor version, run), and the baseline check that it stands for."""

    id: str
    revisions: tuple[tuple[int, Run], ...]
    replaces: str = ""
    windows_exempt: bool = False


BASELINE = (
    Check("appArmorProfile", ((0, _app_armor),)),
    Check("capabilities_baseline", ((0, _capabilities_baseline),)),
    Check("hostNamespaces", ((0, _host_namespaces),)),
    Check("hostPathVolumes", ((0, _host_path_volumes),)),
    Check("hostPorts", ((0, _host_ports),)),
    Check("privileged", ((0, _privileged),)),
    Check("procMount", ((0, _proc_mount),)),
    Check("seLinuxOptions", ((0, _selinux),)),
    Check("seccompProfile_baseline", ((0, _seccomp_annotations), (19, _seccomp_baseline))),
    Check("sysctls", ((0, _sysctls), (27, _sysctls_1_27))),
    Check("windowsHostProcess", ((0, _host_process),)),
)
RESTRICTED = (
    Check("allowPrivilegeEscalation", ((8, _escalation),), windows_exempt=True),
    Check("capabilities_restricted", ((22, _capabilities_restricted),), "capabilities_baseline", windows_exempt=True),
    Check("restrictedVolumes", ((0, _restricted_volumes),), "hostPathVolumes"),
    Check("runAsNonRoot", ((0, _run_as_non_root),)),
    Check("runAsUser", ((23, _run_as_user),)),
    Check("seccompProfile_restricted", ((19, _seccomp_restricted),), "seccompProfile_baseline", windows_exempt=True),
)
_WINDOWS_SINCE = 25


@lru_cache(maxsize=256)
def checks_of(level: str, minor: int) -> tuple[tuple[Run, bool], ...]:
    """The checks of a level in a version, baseline first, each with whether Windows pods are let off."""
    strict = [check for check in RESTRICTED if level == "restricted" and check.revisions[0][0] <= minor]
    replaced = [check.replaces for check in strict]
    chosen = [check for check in BASELINE if check.id not in replaced] + strict
    return tuple((_revision(check, minor), check.windows_exempt and minor >= _WINDOWS_SINCE) for check in chosen)


def _revision(check: Check, minor: int) -> Run:
    return [run for since, run in check.revisions if since <= minor][-1]


def findings(level: str, minor: int, meta: Object, spec: Object) -> list[Finding]:
    """What a level forbids of a pod."""
    if level == "privileged":
        return []
    windows = (spec.get("os") or {}).get("name") == "windows"
    found = [run(meta, spec) for run, exempt in checks_of(level, minor) if not (windows and exempt)]
    return [each for each in found if each is not None]


def detailed(found: list[Finding]) -> str:
    return ", ".join(f"{reason} ({detail})" if detail else reason for reason, detail in found)
