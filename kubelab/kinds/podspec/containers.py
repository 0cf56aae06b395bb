"""Containers: ports, environment, mounts, pull policy, security.

upstream: pkg/apis/core/validation/validation.go (validateContainers, validateInitContainers, validateContainerCommon …), 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kubelab.kinds.field import FieldError, Go, duplicate, forbidden, invalid, not_found, not_supported, required
from kubelab.kinds.kind import Context, Object
from kubelab.kinds.names import (
    is_config_map_key,
    is_dns1123_label,
    is_env_var_name,
    is_port_name,
    is_port_number,
    name_is_dns_subdomain,
)
from kubelab.kinds.podspec.handlers import validate_lifecycle, validate_probes
from kubelab.kinds.podspec.paths import (
    ENV_FIELDS,
    validate_descending_path,
    validate_field_ref,
    validate_no_backsteps,
    validate_resource_field_ref,
)
from kubelab.kinds.podspec.resources import validate_resource_requirements
from kubelab.kinds.podspec.security import validate_security_context

PROTOCOLS = ("SCTP", "TCP", "UDP")
_WITHOUT_RESTART = "may not be set for init containers without restartPolicy=Always"

Volumes = Mapping[str, Object]


def validate_containers(containers: Sequence[Object], volumes: Volumes, claims: Sequence[str], path: str, ctx: Context) -> list[FieldError]:
    """The regular containers."""
    if not containers:
        return [required(path)]
    errors: list[FieldError] = []
    names: list[str] = []
    for index, container in enumerate(containers):
        at, name = f"{path}[{index}]", container.get("name") or ""
        errors += _validate_common(container, volumes, claims, at, ctx)
        if name in names:
            errors.append(duplicate(f"{at}.name", name))
        names.append(name)
        if container.get("lifecycle") is not None:
            errors += validate_lifecycle(container["lifecycle"], f"{at}.lifecycle")
        errors += validate_probes(container, at)
        if container.get("restartPolicy") is not None:
            errors.append(forbidden(f"{at}.restartPolicy", "may not be set for non-init containers"))
    return errors + _host_port_conflicts(containers, path)


def validate_init_containers(
    containers: Sequence[Object], regular: Sequence[Object], volumes: Volumes, claims: Sequence[str], path: str, ctx: Context
) -> list[FieldError]:
    """The init containers, whose names may not be those of regular ones."""
    errors: list[FieldError] = []
    names = [container.get("name") or "" for container in regular]
    for index, container in enumerate(containers):
        at, name = f"{path}[{index}]", container.get("name") or ""
        errors += _validate_common(container, volumes, claims, at, ctx)
        policy = container.get("restartPolicy")
        if policy is not None and policy != "Always":
            errors.append(not_supported(f"{at}.restartPolicy", policy, ("Always",)))
        if name in names:
            errors.append(duplicate(f"{at}.name", name))
        elif name:
            names.append(name)
        errors += _host_port_conflicts([container], path)
        if policy == "Always":
            if container.get("lifecycle") is not None:
                errors += validate_lifecycle(container["lifecycle"], f"{at}.lifecycle")
            errors += validate_probes(container, at)
        else:
            for field in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
                if container.get(field) is not None:
                    errors.append(forbidden(f"{at}.{field}", _WITHOUT_RESTART))
        if container.get("resizePolicy"):
            errors.append(invalid(f"{at}.resizePolicy", _go_resize(container["resizePolicy"]), "must not be set for init containers"))
    return errors


def _go_resize(policies: Sequence[Object]) -> Go:
    shown = ", ".join(
        f'core.ContainerResizePolicy{{ResourceName:"{each.get("resourceName", "")}", RestartPolicy:"{each.get("restartPolicy", "")}"}}'
        for each in policies
    )
    return Go(f"[]core.ContainerResizePolicy{{{shown}}}")


def _validate_common(container: Object, volumes: Volumes, claims: Sequence[str], path: str, ctx: Context) -> list[FieldError]:
    errors: list[FieldError] = []
    name = container.get("name")
    if not name:
        errors.append(required(f"{path}.name"))
    elif complaints := is_dns1123_label(name):
        errors += (invalid(f"{path}.name", name, each) for each in complaints)
    if not container.get("image"):
        errors.append(required(f"{path}.image"))
    policy = container.get("terminationMessagePolicy")
    if policy not in ("File", "FallbackToLogsOnError"):
        errors += _choice(policy, ("File", "FallbackToLogsOnError"), f"{path}.terminationMessagePolicy")
    if container.get("ports"):
        errors += _validate_ports(container["ports"], f"{path}.ports")
    if container.get("env"):
        errors += validate_env(container["env"], f"{path}.env", ctx)
    if container.get("envFrom"):
        errors += _validate_env_from(container["envFrom"], f"{path}.envFrom")
    if container.get("volumeMounts"):
        errors += _validate_mounts(container, volumes, f"{path}.volumeMounts")
    if container.get("volumeDevices"):
        errors += _validate_devices(container, volumes, f"{path}.volumeDevices")
    pull = container.get("imagePullPolicy")
    if pull not in ("Always", "IfNotPresent", "Never"):
        errors += _choice(pull, ("Always", "IfNotPresent", "Never"), f"{path}.imagePullPolicy")
    if container.get("resources"):
        errors += validate_resource_requirements(container["resources"], f"{path}.resources", claims)
    if container.get("resizePolicy"):
        errors += _validate_resize(container["resizePolicy"], f"{path}.resizePolicy")
    if container.get("securityContext"):
        errors += validate_security_context(container["securityContext"], f"{path}.securityContext")
    return errors


def _choice(value: str | None, supported: tuple[str, ...], path: str) -> list[FieldError]:
    return [not_supported(path, value, supported)] if value else [required(path)]


def _validate_ports(ports: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    names: list[str] = []
    for index, port in enumerate(ports):
        at, name = f"{path}[{index}]", port.get("name")
        if name:
            if complaints := is_port_name(name):
                errors += (invalid(f"{at}.name", name, each) for each in complaints)
            elif name in names:
                errors.append(duplicate(f"{at}.name", name))
            else:
                names.append(name)
        number = port.get("containerPort") or 0
        if number == 0:
            errors.append(required(f"{at}.containerPort"))
        else:
            errors += (invalid(f"{at}.containerPort", number, each) for each in is_port_number(number))
        host_port = port.get("hostPort") or 0
        if host_port:
            errors += (invalid(f"{at}.hostPort", host_port, each) for each in is_port_number(host_port))
        if port.get("protocol") not in PROTOCOLS:
            errors += _choice(port.get("protocol"), PROTOCOLS, f"{at}.protocol")
    return errors


def _host_port_conflicts(containers: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    taken: list[str] = []
    for index, container in enumerate(containers):
        for place, port in enumerate(container.get("ports") or ()):
            if not port.get("hostPort"):
                continue
            text = f"{port.get('protocol') or ''}/{port.get('hostIP') or ''}/{port['hostPort']}"
            if text in taken:
                errors.append(duplicate(f"{path}[{index}].ports[{place}].hostPort", text))
            else:
                taken.append(text)
    return errors


def validate_env(variables: Sequence[Object], path: str, ctx: Context) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, variable in enumerate(variables):
        at, name = f"{path}[{index}]", variable.get("name")
        if not name:
            errors.append(required(f"{at}.name"))
        elif complaints := is_env_var_name(name):
            errors += (invalid(f"{at}.name", name, each) for each in complaints)
        if variable.get("valueFrom") is not None:
            errors += _validate_value_from(variable, f"{at}.valueFrom", ctx)
    return errors


def _validate_value_from(variable: Object, path: str, ctx: Context) -> list[FieldError]:
    source = variable["valueFrom"]
    errors: list[FieldError] = []
    if source.get("fieldRef") is not None:
        errors += validate_field_ref(source["fieldRef"], ENV_FIELDS, f"{path}.fieldRef", ctx)
    if source.get("resourceFieldRef") is not None:
        errors += validate_resource_field_ref(source["resourceFieldRef"], f"{path}.resourceFieldRef", volume=False)
    for kind in ("configMapKeyRef", "secretKeyRef"):
        if source.get(kind) is not None:
            errors += _validate_key_ref(source[kind], f"{path}.{kind}")
    count = sum(value is not None for value in source.values())
    if count == 0:
        errors.append(invalid(path, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"))
    elif variable.get("value"):
        errors.append(invalid(path, "", "may not be specified when `value` is not empty"))
    elif count > 1:
        errors.append(invalid(path, "", "may not have more than one field specified at a time"))
    return errors


def _validate_key_ref(reference: Object, path: str) -> list[FieldError]:
    name, key = reference.get("name") or "", reference.get("key") or ""
    errors = [invalid(f"{path}.name", name, each) for each in name_is_dns_subdomain(name, False)]
    if not key:
        return [*errors, required(f"{path}.key")]
    return errors + [invalid(f"{path}.key", key, each) for each in is_config_map_key(key)]


def _validate_env_from(sources: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, source in enumerate(sources):
        at, prefix = f"{path}[{index}]", source.get("prefix")
        if prefix:
            errors += (invalid(f"{at}.prefix", prefix, each) for each in is_env_var_name(prefix))
        count = 0
        for kind in ("configMapRef", "secretRef"):
            if source.get(kind) is None:
                continue
            count += 1
            name = source[kind].get("name") or ""
            if not name:
                errors.append(required(f"{at}.{kind}.name"))
            else:
                errors += (invalid(f"{at}.{kind}.name", name, each) for each in name_is_dns_subdomain(name, True))
        if count == 0:
            errors.append(invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif count > 1:
            errors.append(invalid(path, "", "may not have more than one field specified at a time"))
    return errors


def _validate_mounts(container: Object, volumes: Volumes, path: str) -> list[FieldError]:
    devices = {each.get("name") or "": each.get("devicePath") or "" for each in container.get("volumeDevices") or ()}
    errors: list[FieldError] = []
    taken: list[str] = []
    for index, mount in enumerate(container["volumeMounts"]):
        at, name, target = f"{path}[{index}]", mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            errors.append(required(f"{at}.name"))
        if name not in volumes:
            errors.append(not_found(f"{at}.name", name))
        if not target:
            errors.append(required(f"{at}.mountPath"))
        if target in taken:
            errors.append(invalid(f"{at}.mountPath", target, "must be unique"))
        taken.append(target)
        if name in devices:
            errors.append(invalid(f"{at}.name", name, "must not already exist in volumeDevices"))
        if target in devices.values():
            errors.append(invalid(f"{at}.mountPath", target, "must not already exist as a path in volumeDevices"))
        errors += _validate_sub_paths(mount, at, path)
        if mount.get("mountPropagation") is not None:
            errors += _validate_propagation(mount["mountPropagation"], container, f"{path}.mountPropagation")
    return errors


def _validate_sub_paths(mount: Object, path: str, list_path: str) -> list[FieldError]:
    """Upstream reports a bad subPath at the list, not at the mount."""
    errors: list[FieldError] = []
    if mount.get("subPath"):
        errors += validate_descending_path(mount["subPath"], f"{list_path}.subPath")
    if mount.get("subPathExpr"):
        if mount.get("subPath"):
            errors.append(invalid(f"{path}.subPathExpr", mount["subPathExpr"], "subPathExpr and subPath are mutually exclusive"))
        errors += validate_descending_path(mount["subPathExpr"], f"{list_path}.subPathExpr")
    return errors


def _validate_propagation(mode: str, container: Object, path: str) -> list[FieldError]:
    supported = ("Bidirectional", "HostToContainer", "None")
    errors = [] if mode in supported else [not_supported(path, mode, supported)]
    if mode == "Bidirectional" and not (container.get("securityContext") or {}).get("privileged"):
        errors.append(forbidden(path, "Bidirectional mount propagation is available only to privileged containers"))
    return errors


def _validate_devices(container: Object, volumes: Volumes, path: str) -> list[FieldError]:
    mounts = {each.get("name") or "": each.get("mountPath") or "" for each in container.get("volumeMounts") or ()}
    errors: list[FieldError] = []
    names: list[str] = []
    targets: list[str] = []
    for index, device in enumerate(container["volumeDevices"]):
        at, name, target = f"{path}[{index}]", device.get("name") or "", device.get("devicePath") or ""
        volume = volumes.get(name)
        if not name:
            errors.append(required(f"{at}.name"))
        if name in names:
            errors.append(invalid(f"{at}.name", name, "must be unique"))
        if volume is None:
            errors.append(not_found(f"{at}.name", name))
        elif volume.get("persistentVolumeClaim") is None and volume.get("ephemeral") is None:
            detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            errors.append(invalid(f"{at}.name", name, detail))
        if not target:
            errors.append(required(f"{at}.devicePath"))
        if target in targets:
            errors.append(invalid(f"{at}.devicePath", target, "must be unique"))
        if target and validate_no_backsteps(target, path):
            errors.append(invalid(f"{at}.devicePath", target, "can not contain backsteps ('..')"))
        else:
            targets.append(target)
        if name in mounts:
            errors.append(invalid(f"{at}.name", name, "must not already exist in volumeMounts"))
        if target in mounts.values():
            errors.append(invalid(f"{at}.devicePath", target, "must not already exist as a path in volumeMounts"))
        if name:
            names.append(name)
    return errors


def _validate_resize(policies: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    names: list[str] = []
    for index, policy in enumerate(policies):
        name, restart = policy.get("resourceName") or "", policy.get("restartPolicy") or ""
        if name in names:
            errors.append(duplicate(f"{path}[{index}]", Go(name)))
        names.append(name)
        if name not in ("cpu", "memory"):
            errors.append(not_supported(path, Go(name), ("cpu", "memory")) if name else required(path))
        if restart not in ("NotRequired", "RestartContainer"):
            errors += _choice(restart, ("NotRequired", "RestartContainer"), path)
    return errors
