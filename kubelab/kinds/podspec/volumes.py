"""Volumes of a pod: one source each, and what that source asks for.

upstream: pkg/apis/core/validation/validation.go (ValidateVolumes, validateVolumeSource …), 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.kinds.field import FieldError, duplicate, forbidden, invalid, not_supported, required, too_long
from kubelab.kinds.kind import Context, Object
from kubelab.kinds.names import (
    byte_length,
    is_dns1123_label,
    is_dns1123_subdomain,
    name_is_dns_subdomain,
    validate_annotations,
    validate_labels,
)
from kubelab.kinds.podspec.claims import validate_claim_spec
from kubelab.kinds.podspec.paths import (
    VOLUME_FIELDS,
    validate_descending_path,
    validate_field_ref,
    validate_file_mode,
    validate_no_backsteps,
    validate_resource_field_ref,
    validate_unreserved_path,
)
from kubelab.kinds.podspec.remote_volumes import (
    Check,
    azure_disk,
    cinder,
    disk,
    fibre_channel,
    flex,
    flocker,
    iscsi,
    needs,
    quobyte,
    storageos,
)
from kubelab.kinds.quantity import parse

_HOST_PATH_TYPES = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")
_MORE_THAN_ONE = "may not specify more than 1 volume type"
PORTAL_TOO_LONG = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified."


def validate_volumes(
    volumes: Sequence[Object], path: str, ctx: Context, *, pod_name: str = ""
) -> tuple[dict[str, Object], list[FieldError]]:
    """The valid volumes by name, and all findings. ``pod_name`` gives the names of ephemeral claims."""
    errors: list[FieldError] = []
    valid: dict[str, Object] = {}
    ephemeral = [f"{pod_name}-{volume.get('name')}" for volume in volumes if volume.get("ephemeral") is not None] if pod_name else []
    for index, volume in enumerate(volumes):
        at, name = f"{path}[{index}]", volume.get("name") or ""
        found = _validate_source(volume, at, ctx, pod_name)
        if not name:
            found.append(required(f"{at}.name"))
        else:
            found += (invalid(f"{at}.name", name, each) for each in is_dns1123_label(name))
        if name in valid:
            found.append(duplicate(f"{at}.name", name))
        if found:
            errors += found
        else:
            valid[name] = volume
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if claim in ephemeral:
            detail = "must not reference a PVC that gets created for an ephemeral volume"
            errors.append(invalid(f"{at}.persistentVolumeClaim.claimName", claim, detail))
    return valid, errors


def _validate_source(volume: Object, path: str, ctx: Context, pod_name: str) -> list[FieldError]:
    errors: list[FieldError] = []
    found = 0
    kinds = [kind for kind in volume if kind in SOURCES and volume[kind] is not None]
    for kind in kinds if len(kinds) < 2 else filter(kinds.__contains__, SOURCES):
        source = volume[kind]
        if found and kind != "emptyDir":
            errors.append(forbidden(f"{path}.{_MISSPELLED.get(kind, kind)}", _MORE_THAN_ONE))
            continue
        found += 1
        errors += SOURCES[kind](source, f"{path}.{_CHECKED_AT.get(kind, kind)}", ctx)
        if kind == "iscsi" and source.get("initiatorName") is not None:
            errors += _validate_portal_length(volume.get("name") or "", source, path)
        if kind == "ephemeral" and pod_name and volume.get("name"):
            claim = f"{pod_name}-{volume['name']}"
            for each in name_is_dns_subdomain(claim, False):
                errors.append(invalid(f"{path}.name", volume["name"], f'PVC name "{claim}": {each}'))
    return errors if found else [required(path, "must specify a volume type")]


def _validate_portal_length(name: str, source: Object, path: str) -> list[FieldError]:
    if byte_length(f"{name}:{source.get('targetPortal') or ''}") <= 64:
        return []
    return [invalid(f"{path}.name", name, PORTAL_TOO_LONG)]


_MISSPELLED = {"cephfs": "cephFS", "downwardAPI": "downwarAPI"}
_CHECKED_AT = {"gcePersistentDisk": "persistentDisk"}


def _empty_dir(source: Object, path: str, ctx: Context) -> list[FieldError]:
    limit = source.get("sizeLimit")
    if limit is None or parse(limit).nano >= 0:
        return []
    return [forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")]


def _host_path(source: Object, path: str, ctx: Context) -> list[FieldError]:
    if not source.get("path"):
        return [required(f"{path}.path")]
    errors = validate_no_backsteps(source["path"], f"{path}.path")
    kind = source.get("type")
    if kind is not None and kind not in _HOST_PATH_TYPES:
        errors.append(not_supported(f"{path}.type", kind, _HOST_PATH_TYPES))
    return errors


def _git_repo(source: Object, path: str, ctx: Context) -> list[FieldError]:
    return needs("repository")(source, path, ctx) + validate_descending_path(source.get("directory") or "", f"{path}.directory")


def _keys(name_field: str) -> Check:
    """A secret or config map, and the keys to take from it."""

    def check(source: Object, path: str, ctx: Context) -> list[FieldError]:
        errors = needs(name_field)(source, path, ctx)
        errors += validate_file_mode(source.get("defaultMode"), f"{path}.defaultMode")
        for index, item in enumerate(source.get("items") or ()):
            errors += _key_to_path(item, f"{path}.items[{index}]")
        return errors

    return check


def _key_to_path(item: Object, path: str) -> list[FieldError]:
    errors = [required(f"{path}.{name}") for name in ("key", "path") if not item.get(name)]
    errors += validate_unreserved_path(item.get("path") or "", f"{path}.path")
    return errors + validate_file_mode(item.get("mode"), f"{path}.mode")


def _nfs(source: Object, path: str, ctx: Context) -> list[FieldError]:
    errors = needs("server", "path")(source, path, ctx)
    if not (source.get("path") or "").startswith("/"):
        errors.append(invalid(f"{path}.path", source.get("path") or "", "must be an absolute path"))
    return errors


def _downward_api(source: Object, path: str, ctx: Context) -> list[FieldError]:
    errors = validate_file_mode(source.get("defaultMode"), f"{path}.defaultMode")
    for item in source.get("items") or ():
        errors += _downward_file(item, path, ctx)
    return errors


def _downward_file(item: Object, path: str, ctx: Context) -> list[FieldError]:
    errors = [] if item.get("path") else [required(f"{path}.path")]
    errors += validate_unreserved_path(item.get("path") or "", f"{path}.path")
    field, resource = item.get("fieldRef"), item.get("resourceFieldRef")
    if field is not None:
        errors += validate_field_ref(field, VOLUME_FIELDS, f"{path}.fieldRef", ctx)
        if resource is not None:
            errors.append(invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
    elif resource is not None:
        errors += validate_resource_field_ref(resource, f"{path}.resourceFieldRef", volume=True)
    else:
        errors.append(required(path, "one of fieldRef and resourceFieldRef is required"))
    return errors + validate_file_mode(item.get("mode"), f"{path}.mode")


def _projected(source: Object, path: str, ctx: Context) -> list[FieldError]:
    errors = validate_file_mode(source.get("defaultMode"), f"{path}.defaultMode")
    taken: list[str] = []
    for index, projection in enumerate(source.get("sources") or ()):
        at = f"{path}.sources[{index}]"
        for kind in ("secret", "configMap"):
            if projection.get(kind) is not None:
                errors += _projected_keys(projection[kind], f"{at}.{kind}", path, taken)
        if projection.get("downwardAPI") is not None:
            for item in projection["downwardAPI"].get("items") or ():
                errors += _downward_file(item, f"{at}.downwardAPI", ctx)
                errors += _claim_path(item.get("path"), item.get("path"), path, taken)
        if projection.get("serviceAccountToken") is not None:
            errors += _projected_token(projection["serviceAccountToken"], f"{at}.serviceAccountToken", path)
        if sum(value is not None for value in projection.values()) > 1:
            errors.append(forbidden(at, _MORE_THAN_ONE))
    return errors


def _projected_keys(source: Object, path: str, volume_path: str, taken: list[str]) -> list[FieldError]:
    errors = [] if source.get("name") else [required(f"{path}.name")]
    for index, item in enumerate(source.get("items") or ()):
        errors += _key_to_path(item, f"{path}.items[{index}]")
        errors += _claim_path(item.get("path"), source.get("name") or "", volume_path, taken)
    return errors


def _claim_path(target: str | None, shown: str | None, path: str, taken: list[str]) -> list[FieldError]:
    if not target:
        return []
    if target in taken:
        return [invalid(path, shown, "conflicting duplicate paths")]
    taken.append(target)
    return []


def _projected_token(token: Object, path: str, volume_path: str) -> list[FieldError]:
    seconds = token.get("expirationSeconds") or 0
    errors: list[FieldError] = []
    if seconds < 600:
        errors.append(invalid(f"{path}.expirationSeconds", seconds, "may not specify a duration less than 10 minutes"))
    if seconds > 1 << 32:
        errors.append(invalid(f"{path}.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds"))
    if not token.get("path"):
        errors.append(required(f"{volume_path}.path"))
    return errors


def validate_csi_driver_name(name: str, path: str) -> list[FieldError]:
    errors = [] if name else [required(path)]
    if byte_length(name) > 63:
        errors.append(too_long(path, 63))
    return errors + [invalid(path, name, each) for each in is_dns1123_subdomain(name.lower())]


def _csi(source: Object, path: str, ctx: Context) -> list[FieldError]:
    errors = validate_csi_driver_name(source.get("driver") or "", f"{path}.driver")
    secret = source.get("nodePublishSecretRef")
    if secret is not None:
        if not secret.get("name"):
            errors.append(required(f"{path}.nodePublishSecretRef.name"))
        else:
            errors += (invalid(f"{path}.name", secret["name"], each) for each in name_is_dns_subdomain(secret["name"], False))
    return errors


_NOT_IN_TEMPLATES = (
    *("name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp"),
    *("deletionGracePeriodSeconds", "ownerReferences", "finalizers", "managedFields"),
)


def _ephemeral(source: Object, path: str, ctx: Context) -> list[FieldError]:
    template = source.get("volumeClaimTemplate")
    if template is None:
        return [required(f"{path}.volumeClaimTemplate")]
    meta, at = template.get("metadata") or {}, f"{path}.volumeClaimTemplate"
    errors = validate_annotations(meta.get("annotations") or {}, f"{at}.metadata.annotations")
    errors += validate_labels(meta.get("labels") or {}, f"{at}.metadata.labels")
    set_names = (name for name in _NOT_IN_TEMPLATES if meta.get(name) is not None)
    # Upstream makes the path from Go's field name, UID.
    errors += (forbidden(f"{at}.metadata.{'uID' if name == 'uid' else name}", "cannot be set") for name in set_names)
    return errors + validate_claim_spec(template.get("spec") or {}, f"{at}.spec")


SOURCES: dict[str, Check] = {
    "emptyDir": _empty_dir,
    "hostPath": _host_path,
    "gitRepo": _git_repo,
    "gcePersistentDisk": disk("pdName"),
    "awsElasticBlockStore": disk("volumeID"),
    "secret": _keys("secretName"),
    "nfs": _nfs,
    "iscsi": iscsi,
    "glusterfs": needs("endpoints", "path"),
    "flocker": flocker,
    "persistentVolumeClaim": needs("claimName"),
    "rbd": needs("monitors", "image"),
    "cinder": cinder,
    "cephfs": needs("monitors"),
    "quobyte": quobyte,
    "downwardAPI": _downward_api,
    "fc": fibre_channel,
    "flexVolume": flex,
    "configMap": _keys("name"),
    "azureFile": needs("secretName", "shareName"),
    "vsphereVolume": needs("volumePath"),
    "photonPersistentDisk": needs("pdID"),
    "portworxVolume": needs("volumeID"),
    "azureDisk": azure_disk,
    "storageos": storageos,
    "projected": _projected,
    "scaleIO": needs("gateway", "system", "volumeName"),
    "csi": _csi,
    "ephemeral": _ephemeral,
}
"""Every volume source with its check, in upstream's order."""
