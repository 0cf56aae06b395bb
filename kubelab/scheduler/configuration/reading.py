"""A configuration from a file, a text or a dict to a complete, checked one; refusals in upstream's words.

upstream: cmd/kube-scheduler/app/options/configfile.go, pkg/scheduler/apis/config/scheme, staging/src/k8s.io/kube-scheduler/config/v1/types.go
DecodeNestedObjects, 1.28.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kubelab.apiserver import reading
from kubelab.kinds import decode, schema
from kubelab.kinds.schedulerconfig.schema import ARGUMENTS
from kubelab.scheduler.configuration import arguments
from kubelab.scheduler.configuration.defaults import complete
from kubelab.scheduler.configuration.points import ProfileError, expand, weights
from kubelab.scheduler.configuration.validation import validate

Object = dict[str, Any]

GROUP = "kubescheduler.config.k8s.io"
KIND = "KubeSchedulerConfiguration"
VERSIONS = ("v1", "v1beta3")
_SCHEME = "k8s.io/kubernetes/pkg/scheduler/apis/config/scheme/scheme.go:31"


class ConfigurationError(ValueError):
    """A configuration that will not do; the message is upstream's."""


def read(source: str | Path | Object) -> Object:
    """A complete configuration from a file's path, its YAML or JSON text, or a dict, which is not changed. Raises ConfigurationError.

    ``apiVersion`` and ``kind`` may be left out of a dict.

    >>> read({"profiles": [{"schedulerName": "packer"}]})["profiles"][0]["schedulerName"]
    'packer'
    """
    found = _value(source)
    if not isinstance(found, dict):
        raise ConfigurationError(f"scheduler_config={source!r}: give a {KIND} as a dict, as YAML text, or as a file's path")
    _check_version(found)
    strict = _checked(found, f"{found['apiVersion']}/{KIND}", "")
    for index, profile in enumerate(found.get("profiles") or ()):
        for at, configured in enumerate(profile.get("pluginConfig") or ()):
            strict += _checked_arguments(configured, f".profiles[{index}].pluginConfig[{at}]", found["apiVersion"])
    if strict:
        raise ConfigurationError(f"strict decoding error: {', '.join(strict)}")
    whole = _with_managed_resources(complete(found))
    texts = [each if isinstance(each, str) else each.text() for each in validate(whole)]
    if texts:
        texts = list(dict.fromkeys(texts))
        raise ConfigurationError(_joined(texts))
    for profile in whole["profiles"]:
        _check_profile(profile)
    return whole


def _value(source: Any) -> Any:
    if isinstance(source, dict):
        try:
            return {"apiVersion": f"{GROUP}/v1", "kind": KIND, **reading.json_copy(source, "scheduler_config")}
        except TypeError as error:
            raise ConfigurationError(str(error)) from None
    if not isinstance(source, (str, Path)):
        return source
    text = str(source)
    if isinstance(source, Path) or ("\n" not in text and ": " not in text and not text.lstrip().startswith("{")):
        try:
            text = reading.text_of(Path(source).read_bytes())
        except OSError as error:
            raise ConfigurationError(f"open {source}: {(error.strerror or str(error)).lower()}") from None
    try:
        found, repeats = reading.yaml_value(text)
    except reading.YamlError as error:
        raise ConfigurationError(f"error converting YAML to JSON: {error}") from None
    if repeats:
        raise ConfigurationError(f"strict decoding error: {reading.yaml_repeats(repeats)}")
    return found


def _check_version(found: Object) -> None:
    version, kind = found.get("apiVersion") or "", found.get("kind") or ""
    if not kind:
        raise ConfigurationError(f"Object 'Kind' is missing in '{_shown(found)}'")
    if not version:
        raise ConfigurationError(f"Object 'apiVersion' is missing in '{_shown(found)}'")
    group, _, name = str(version).rpartition("/")
    if group != GROUP or name not in VERSIONS:
        raise ConfigurationError(f'no kind "{kind}" is registered for version "{version}" in scheme "{_SCHEME}"')
    if kind in ARGUMENTS:
        raise ConfigurationError(f"couldn't decode as KubeSchedulerConfiguration, got {version}, Kind={kind}: ")
    if kind != KIND:
        raise ConfigurationError(f'no kind "{kind}" is registered for version "{version}" in scheme "{_SCHEME}"')


def _shown(found: Object) -> str:
    return json.dumps(found, separators=(",", ":"), sort_keys=True)


def _checked(found: Object, kind: str, place: str) -> list[str]:
    """Bring an object into its shape; what strict decoding says against it."""
    group, version, name = kind.split("/")
    shape = schema.for_kind(group, version, name)
    assert shape is not None
    checked = decode.check(found, shape)
    if checked.errors:
        raise ConfigurationError(f"{place}{checked.errors[0]}")
    return list(checked.strict)


def _checked_arguments(configured: Object, place: str, version: str) -> list[str]:
    name, args = configured.get("name") or "", configured.get("args")
    if f"{name}Args" not in ARGUMENTS:
        return []
    args = configured["args"] = {} if args is None else args
    kind = f"{name}Args"
    words = f"decoding {place}: "
    if not isinstance(args, dict):
        what = "string" if isinstance(args, str) else "array" if isinstance(args, list) else "number"
        struct = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
        problem = f"couldn't get version/kind; json parse error: json: cannot unmarshal {what} into Go value of type {struct}"
        raise ConfigurationError(f"{words}decoding args for plugin {name}: {problem}")
    given = args.get("kind") or kind
    if given != kind and given in ARGUMENTS:
        raise ConfigurationError(f"{words}args for plugin {name} were not of type {kind}.{GROUP}, got {given}.{GROUP}")
    if given != kind or (args.get("apiVersion") or version) not in [f"{GROUP}/{each}" for each in VERSIONS]:
        problem = f'no kind "{given}" is registered for version "{args.get("apiVersion") or version}" in scheme "{_SCHEME}"'
        raise ConfigurationError(f"{words}decoding args for plugin {name}: {problem}")
    strict = _checked(args, f"{version}/{kind}", f"{words}decoding args for plugin {name}: ")
    if not strict:
        return []
    return [f"{words}strict decoding error: decoding args for plugin {name}: strict decoding error: {', '.join(strict)}"]


def _with_managed_resources(found: Object) -> Object:
    """Resources that an extender manages and the scheduler ignores are ignored by NodeResourcesFit of every profile (upstream: buildExtenders)."""
    ignored = [
        resource["name"]
        for extender in found.get("extenders") or ()
        for resource in extender.get("managedResources") or ()
        if resource.get("ignoredByScheduler")
    ]
    if not ignored:
        return found
    profiles = []
    for profile in found["profiles"]:
        configured = [
            each
            if each["name"] != "NodeResourcesFit"
            else {**each, "args": {**each["args"], "ignoredResources": [*(each["args"].get("ignoredResources") or ()), *ignored]}}
            for each in profile["pluginConfig"]
        ]
        profiles.append({**profile, "pluginConfig": configured})
    return {**found, "profiles": profiles}


def _check_profile(profile: Object) -> None:
    name = profile["schedulerName"]
    try:
        for each in profile["pluginConfig"]:
            if each["name"] == "NodeResourcesFit":
                errors = arguments.fit("", each["args"])
                texts = [error if isinstance(error, str) else error.text().removeprefix(".") for error in errors]
                if texts:
                    raise ProfileError(f'initializing plugin "NodeResourcesFit": {_joined(texts)}')
        weights(profile, expand(profile)["score"])
    except ProfileError as error:
        raise ConfigurationError(f"initializing profiles: creating profile for scheduler name {name}: {error}") from None


def _joined(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
