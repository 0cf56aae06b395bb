"""Volume sources that live elsewhere: network block devices, file servers, the disks of cloud providers.

upstream: pkg/apis/core/validation/validation.go (validateISCSIVolumeSource, validateFCVolumeSource, validateAzureDisk …), 1.28.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from kubelab.kinds.field import FieldError, invalid, not_supported, required
from kubelab.kinds.kind import Context, Object
from kubelab.kinds.names import is_dns1123_label, range_error

Check = Callable[[Object, str, Context], list[FieldError]]

_iqn = re.compile(r"iqn\.\d{4}-\d{2}\.([A-Za-z0-9.-]+)(:[^,;*&$|\s]+)\Z").search
_eui = re.compile(r"eui.[A-Za-z0-9]{16}").fullmatch
_naa = re.compile(r"naa.[A-Za-z0-9]{32}").fullmatch
_TARGET_FORMATS = {"iqn": _iqn, "eui": _eui, "naa": _naa}
_MANAGED_DISK = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
_BLOB_DISK = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"
_HOST_PORTS = "must be a host:port pair or multiple pairs separated by commas"


def needs(*names: str) -> Check:
    """A source that only has to name certain fields."""

    def check(source: Object, path: str, ctx: Context) -> list[FieldError]:
        return [required(f"{path}.{name}") for name in names if not source.get(name)]

    return check


def needs_secret_name(source: Object, path: str) -> list[FieldError]:
    secret = source.get("secretRef")
    return [required(f"{path}.secretRef.name")] if secret is not None and not secret.get("name") else []


def disk(name: str) -> Check:
    """A disk with partitions."""

    def check(source: Object, path: str, ctx: Context) -> list[FieldError]:
        errors = needs(name)(source, path, ctx)
        partition = source.get("partition") or 0
        if not 0 <= partition <= 255:
            errors.append(invalid(f"{path}.partition", partition, range_error(1, 255)))
        return errors

    return check


def iscsi(source: Object, path: str, ctx: Context) -> list[FieldError]:
    errors = needs("targetPortal")(source, path, ctx)
    name, initiator = source.get("iqn") or "", source.get("initiatorName")
    errors += _validate_target(name, f"{path}.iqn") if name else [required(f"{path}.iqn")]
    if not 0 <= (source.get("lun") or 0) <= 255:
        errors.append(invalid(f"{path}.lun", source["lun"], range_error(0, 255)))
    if (source.get("chapAuthDiscovery") or source.get("chapAuthSession")) and source.get("secretRef") is None:
        errors.append(required(f"{path}.secretRef"))
    if initiator is not None:
        errors += _validate_target(initiator, f"{path}.initiatorname")
    return errors


def _validate_target(name: str, path: str) -> list[FieldError]:
    matches = _TARGET_FORMATS.get(name[:3])
    if matches is None:
        return [invalid(path, name, "must be valid format starting with iqn, eui, or naa")]
    return [] if matches(name) else [invalid(path, name, "must be valid format")]


def fibre_channel(source: Object, path: str, ctx: Context) -> list[FieldError]:
    names, wwids, lun, at = source.get("targetWWNs") or [], source.get("wwids") or [], source.get("lun"), f"{path}.targetWWNs"
    errors: list[FieldError] = []
    if not names and not wwids:
        errors.append(required(at, "must specify either targetWWNs or wwids, but not both"))
    if names and wwids:
        errors.append(invalid(at, names, "targetWWNs and wwids can not be specified simultaneously"))
    if names and lun is None:
        errors.append(required(f"{path}.lun", "lun is required if targetWWNs is specified"))
    elif names and not 0 <= (lun or 0) <= 255:
        errors.append(invalid(f"{path}.lun", lun, range_error(0, 255)))
    return errors


def flocker(source: Object, path: str, ctx: Context) -> list[FieldError]:
    name, uuid = source.get("datasetName") or "", source.get("datasetUUID") or ""
    errors: list[FieldError] = []
    if not name and not uuid:
        errors.append(required(path, "one of datasetName and datasetUUID is required"))
    if name and uuid:
        errors.append(invalid(path, "resource", "datasetName and datasetUUID can not be specified simultaneously"))
    if "/" in name:
        errors.append(invalid(f"{path}.datasetName", name, "must not contain '/'"))
    return errors


def cinder(source: Object, path: str, ctx: Context) -> list[FieldError]:
    return needs("volumeID")(source, path, ctx) + needs_secret_name(source, path)


def quobyte(source: Object, path: str, ctx: Context) -> list[FieldError]:
    registry, errors = source.get("registry") or "", []
    if not registry:
        errors.append(required(f"{path}.registry", _HOST_PORTS))
    elif len(source.get("tenant") or "") >= 65:
        errors.append(required(f"{path}.tenant", "must be a UUID and may not exceed a length of 64 characters"))
    else:
        errors += (invalid(f"{path}.registry", registry, _HOST_PORTS) for pair in registry.split(",") if not _is_host_port(pair))
    return errors + needs("volume")(source, path, ctx)


def _is_host_port(text: str) -> bool:
    host, colon, _ = text.rpartition(":")
    return bool(colon) and (":" not in host or (host.startswith("[") and host.endswith("]")))


def flex(source: Object, path: str, ctx: Context) -> list[FieldError]:
    errors = needs("driver")(source, path, ctx)
    for key in source.get("options") or ():
        domain = f".{key.partition('/')[0].lower()}"
        if domain.endswith((".kubernetes.io", ".k8s.io")):
            errors.append(invalid(f"{path}.options[{key}]", key, "kubernetes.io and k8s.io namespaces are reserved"))
    return errors


def azure_disk(source: Object, path: str, ctx: Context) -> list[FieldError]:
    errors = needs("diskName", "diskURI")(source, path, ctx)
    uri, kind, caching = source.get("diskURI") or "", source.get("kind"), source.get("cachingMode")
    if caching is not None and caching not in ("None", "ReadOnly", "ReadWrite"):
        errors.append(not_supported(f"{path}.cachingMode", caching, ("None", "ReadOnly", "ReadWrite")))
    if kind is not None and kind not in ("Dedicated", "Managed", "Shared"):
        errors.append(not_supported(f"{path}.kind", kind, ("Dedicated", "Managed", "Shared")))
    if kind == "Managed" and not uri.startswith("/subscriptions/"):
        errors.append(not_supported(f"{path}.diskURI", uri, (_MANAGED_DISK,)))
    if kind not in (None, "Managed") and not uri.startswith("https://"):
        errors.append(not_supported(f"{path}.diskURI", uri, (_BLOB_DISK,)))
    return errors


def storageos(source: Object, path: str, ctx: Context) -> list[FieldError]:
    name, namespace = source.get("volumeName") or "", source.get("volumeNamespace") or ""
    errors = [] if name else [required(f"{path}.volumeName")]
    for field, value in (("volumeName", name), ("volumeNamespace", namespace)):
        if value:
            errors += (invalid(f"{path}.{field}", value, each) for each in is_dns1123_label(value))
    return errors + needs_secret_name(source, path)
