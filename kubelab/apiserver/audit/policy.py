"""An audit policy: from a file, a text or an object to a checked value; refusals in upstream's words.

upstream: staging/src/k8s.io/apiserver/pkg/apis/audit/{types.go,validation/validation.go}, pkg/audit/policy/reader.go, 1.28; spec/audit.md A1.
Versions v1, v1beta1 and v1alpha1 are read (upstream has read v1 alone since 1.24); they say the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from kubelab.apiserver import reading
from kubelab.apiserver.decoding import go_json_error
from kubelab.kinds import decode, schema
from kubelab.kinds.field import FieldError, go_quote, invalid, not_supported, required
from kubelab.kinds.names import is_dns1123_subdomain
from kubelab.store.log import Object
from kubelab.world.codec import value

GROUP = "audit.k8s.io"
VERSIONS = ("v1", "v1beta1", "v1alpha1")
LEVELS = ("None", "Metadata", "Request", "RequestResponse")
STAGES = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")
RECEIVED, STARTED, COMPLETE, PANIC = STAGES
SCHEME = "k8s.io/apiserver/pkg/audit/scheme.go:30"  # upstream: the place of the scheme's construction, as its name says


class PolicyError(ValueError):
    """A policy that will not do; the message is upstream's."""


@value
class AuditResources(NamedTuple):
    """Resources of one API group; without ``resources`` the whole group."""

    group: str = ""
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()


@value
class AuditRule(NamedTuple):
    """One rule: what it matches (what is empty matches all), and the level then. ``omit_managed_fields`` None: as the policy says."""

    level: str
    users: tuple[str, ...] = ()
    user_groups: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    resources: tuple[AuditResources, ...] = ()
    namespaces: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = ()
    omit_stages: tuple[str, ...] = ()
    omit_managed_fields: bool | None = None


@value
class AuditPolicy(NamedTuple):
    """Rules in order, of which the first that matches decides; none: level None."""

    rules: tuple[AuditRule, ...] = ()
    omit_stages: tuple[str, ...] = ()
    omit_managed_fields: bool = False
    version: str = "v1"


class Loaded(NamedTuple):
    """A policy, and what strict decoding says against its text ("" nothing): upstream logs that, and goes on leniently."""

    policy: AuditPolicy
    warning: str = ""


def load(source: str | Path | Object) -> Loaded:
    """A policy from a file's path, its YAML or JSON text, an object, or the name of one level for everything. Raises PolicyError.

    >>> load("Metadata").policy.rules[0].level
    'Metadata'
    """
    if isinstance(source, dict):
        return from_object(source)
    if isinstance(source, Path) or (isinstance(source, str) and is_path(source)):
        return from_file(str(source))
    if not isinstance(source, str):
        raise PolicyError(f"{source!r} is no audit policy: give a file, YAML text, a dict, or a level ({', '.join(LEVELS)})")
    if source in LEVELS:
        return Loaded(AuditPolicy((AuditRule(source),)))
    return from_text(source)


def is_path(source: str) -> bool:
    """Whether a text names a file: one line that is neither a level nor YAML of a mapping."""
    return source not in LEVELS and "\n" not in source and not source.lstrip().startswith("{") and ": " not in source


def from_file(path: str) -> Loaded:
    """upstream: LoadPolicyFromFile, and the words that --audit-policy-file puts before."""
    if not path:
        raise PolicyError("loading audit policy file: file path not specified")
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        what = f"read {path}: is a directory" if isinstance(error, IsADirectoryError) else f"open {path}: {_go_words(error)}"
        raise PolicyError(f"loading audit policy file: failed to read file path {go_quote(path)}: {what}") from None
    except ValueError:  # a NUL in the name, which no system takes
        raise PolicyError(f"loading audit policy file: failed to read file path {go_quote(path)}: open {path}: invalid argument") from None
    try:
        return from_text(reading.text_of(data))
    except PolicyError as error:
        raise PolicyError(f"loading audit policy file: {error}: from file {path}") from None


def _go_words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def from_text(text: str) -> Loaded:
    """upstream: LoadPolicyFromBytes."""
    if "\0" in text:
        raise PolicyError("failed decoding: error converting YAML to JSON: yaml: control characters are not allowed")
    repeats: list[str] = []
    if text.lstrip().startswith("{"):
        try:
            found = reading.json_value(text)
        except ValueError as error:
            raise PolicyError(f"failed decoding: {_NO_KIND}: {go_json_error(error, text)}") from None
    else:
        try:
            found, repeats = reading.yaml_value(text)
        except reading.YamlError as error:
            raise PolicyError(f"failed decoding: error converting YAML to JSON: {error}") from None
    return _decoded(found, reading.yaml_repeats(repeats) if repeats else "")


def from_object(obj: Object) -> Loaded:
    """A policy from a dict; it is not changed."""
    try:
        return _decoded(reading.json_copy(obj, "audit_policy"), "")
    except TypeError as error:
        raise PolicyError(str(error)) from None


_NO_KIND = "couldn't get version/kind; json parse error"


def _decoded(found: Any, repeats: str) -> Loaded:
    if found is None:
        found = {}
    if not isinstance(found, dict):
        kind = (
            "string" if isinstance(found, str) else "array" if isinstance(found, list) else "bool" if isinstance(found, bool) else "number"
        )
        go = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
        raise PolicyError(f"failed decoding: {_NO_KIND}: json: cannot unmarshal {kind} into Go value of type {go}")
    for name in ("kind", "apiVersion"):
        if not isinstance(found.get(name) or "", str):
            go = "string"
            raise PolicyError(
                f"failed decoding: {_NO_KIND}: json: cannot unmarshal {_json_kind(found[name])} into Go struct field .{name} of type {go}"
            )
    version = _version(str(found.get("apiVersion") or ""), str(found.get("kind") or ""))
    shape = schema.struct("audit.v1.Policy")
    checked = decode.check(found, shape)
    if checked.errors:
        raise PolicyError(f"failed decoding: {checked.errors[0]}")
    strict = [*([repeats] if repeats else []), *checked.strict]
    policy = _policy(found, version)
    if errors := validate(policy):
        texts = list(dict.fromkeys(error.text() for error in errors))
        raise PolicyError(texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]")
    if not policy.rules:
        raise PolicyError("loaded illegal policy with 0 rules")
    warning = (
        f"Audit policy contains errors, falling back to lenient decoding: strict decoding error: {', '.join(strict)}" if strict else ""
    )
    return Loaded(policy, warning)


def _json_kind(found: Any) -> str:
    return {bool: "bool", int: "number", float: "number", list: "array", dict: "object"}.get(type(found), "object")


def _version(api_version: str, kind: str) -> str:
    """The version that a policy says. Without one upstream takes its internal version, and refuses that."""
    group, _, version = api_version.rpartition("/")
    if not api_version:
        named = f"{GROUP}/__internal, Kind={kind or 'Policy'}"
        if kind not in ("", "Policy"):
            raise PolicyError(_unregistered(kind, "__internal"))
        raise PolicyError(f"unknown group version field {named} in policy")
    if (group, kind or "Policy") == (GROUP, "Policy") and version in VERSIONS:
        return version
    kind = kind or "Policy"
    if group == GROUP and version == "v1" and kind in ("Event", "EventList", "PolicyList"):
        raise PolicyError(f"failed decoding: converting (v1.{kind}) to (audit.Policy): unknown conversion")
    raise PolicyError(_unregistered(kind, api_version))


def _unregistered(kind: str, api_version: str) -> str:
    if api_version == "__internal":
        return f'failed decoding: no kind "{kind}" is registered for the internal version of group "{GROUP}" in scheme "{SCHEME}"'
    return f'failed decoding: no kind "{kind}" is registered for version "{api_version}" in scheme "{SCHEME}"'


def _policy(found: Object, version: str) -> AuditPolicy:
    rules = tuple(_rule(rule) for rule in found.get("rules") or ())
    return AuditPolicy(rules, _texts(found, "omitStages"), bool(found.get("omitManagedFields")), version)


def _rule(rule: Object) -> AuditRule:
    resources = tuple(
        AuditResources(entry.get("group", ""), _texts(entry, "resources"), _texts(entry, "resourceNames"))
        for entry in rule.get("resources") or ()
    )
    return AuditRule(
        rule.get("level", ""),
        _texts(rule, "users"),
        _texts(rule, "userGroups"),
        _texts(rule, "verbs"),
        resources,
        _texts(rule, "namespaces"),
        _texts(rule, "nonResourceURLs"),
        _texts(rule, "omitStages"),
        rule.get("omitManagedFields"),
    )


def _texts(found: Object, name: str) -> tuple[str, ...]:
    return tuple(found.get(name) or ())


def as_object(policy: AuditPolicy) -> Object:
    """A policy as the v1 object that says the same."""
    rules = [_rule_object(rule) for rule in policy.rules]
    found: Object = {"apiVersion": f"{GROUP}/v1", "kind": "Policy", "rules": rules}
    if policy.omit_stages:
        found["omitStages"] = list(policy.omit_stages)
    if policy.omit_managed_fields:
        found["omitManagedFields"] = True
    return found


def _rule_object(rule: AuditRule) -> Object:
    entries = [
        {"group": entry.group, "resources": list(entry.resources), "resourceNames": list(entry.resource_names)} for entry in rule.resources
    ]
    found: Object = {
        "level": rule.level,
        "users": list(rule.users),
        "userGroups": list(rule.user_groups),
        "verbs": list(rule.verbs),
        "resources": [{name: part for name, part in entry.items() if part or name == "group"} for entry in entries],
        "namespaces": list(rule.namespaces),
        "nonResourceURLs": list(rule.non_resource_urls),
        "omitStages": list(rule.omit_stages),
    }
    found = {name: part for name, part in found.items() if part}
    return found if rule.omit_managed_fields is None else {**found, "omitManagedFields": rule.omit_managed_fields}


# -- validation -------------------------------------------------------------------------------------------------------------
def validate(policy: AuditPolicy) -> list[FieldError]:
    """Everything that is wrong, in upstream's order (ValidatePolicy)."""
    errors = _stages(policy.omit_stages, "omitStages")
    for index, rule in enumerate(policy.rules):
        errors += _of_rule(rule, f"rules[{index}]")
    return errors


def _of_rule(rule: AuditRule, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if not rule.level:
        errors.append(required(f"{path}.level"))
    elif rule.level not in LEVELS:
        errors.append(not_supported(f"{path}.level", rule.level, LEVELS))
    errors += _urls(rule.non_resource_urls, f"{path}.nonResourceURLs")
    for entry in rule.resources:
        errors += _of_resources(entry, f"{path}.resources")
    errors += _stages(rule.omit_stages, f"{path}.omitStages")
    if rule.non_resource_urls and (rule.resources or rule.namespaces):
        detail = "rules cannot apply to both regular resources and non-resource URLs"
        errors.append(invalid(f"{path}.nonResourceURLs", rule.non_resource_urls, detail))
    return errors


def _urls(urls: tuple[str, ...], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, url in enumerate(urls):
        if url == "*":
            continue
        if not url.startswith("/"):
            errors.append(invalid(f"{path}[{index}]", url, "non-resource URL rules must begin with a '/' character"))
        if "*" in url[:-1]:
            errors.append(invalid(f"{path}[{index}]", url, "non-resource URL wildcards '*' must be the final character of the rule"))
    return errors


def _of_resources(entry: AuditResources, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if entry.group and (problems := is_dns1123_subdomain(entry.group)):
        errors.append(invalid(f"{path}.group", entry.group, ",".join(problems)))
    if entry.resource_names and not entry.resources:
        errors.append(invalid(f"{path}.resourceNames", entry.resource_names, "using resourceNames requires at least one resource"))
    return errors


def _stages(stages: tuple[str, ...], path: str) -> list[FieldError]:
    detail = f"allowed stages are {','.join(STAGES)}"
    return [invalid(f"{path}[{index}]", stage, detail) for index, stage in enumerate(stages) if stage not in STAGES]
