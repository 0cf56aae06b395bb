"""Values as Go prints them with ``%#v`` inside field errors: structs of upstream's internal types.

upstream: apimachinery/pkg/util/validation/field/errors.go (ErrorBody), 1.28. Inner pointers print as addresses upstream, which differ
from run to run; here they print as one fixed address.
"""

from __future__ import annotations

from typing import Any

from kubelab.kinds.field import Go, go_quote, go_string_map
from kubelab.kinds.quantity import fast_path, parse

POINTER = "0xc000000000"


def label_selector(selector: dict[str, Any] | None) -> Go | None:
    """
    >>> label_selector({"matchLabels": {"app": "x"}}).text
    'v1.LabelSelector{MatchLabels:map[string]string{"app":"x"}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}'
    """
    if selector is None:
        return None
    expressions = selector.get("matchExpressions")
    if expressions is None:
        shown = "[]v1.LabelSelectorRequirement(nil)"
    else:
        shown = "[]v1.LabelSelectorRequirement{" + ", ".join(_requirement(item) for item in expressions) + "}"
    return Go(f"v1.LabelSelector{{MatchLabels:{go_string_map(selector.get('matchLabels'))}, MatchExpressions:{shown}}}")


def _requirement(item: dict[str, Any]) -> str:
    key, operator = go_quote(item.get("key", "")), go_quote(item.get("operator", ""))
    return f"v1.LabelSelectorRequirement{{Key:{key}, Operator:{operator}, Values:{strings(item.get('values'))}}}"


def strings(values: list[str] | None) -> str:
    if values is None:
        return "[]string(nil)"
    return "[]string{" + ", ".join(go_quote(value) for value in values) + "}"


def string_map(value: dict[str, str] | None) -> Go:
    return Go(go_string_map(value))


def pointer(type_name: str, value: Any) -> str:
    """A pointer inside a struct: nil, or an address."""
    return f"(*{type_name})(nil)" if value is None else f"(*{type_name})({POINTER})"


def struct(type_name: str, **fields: Any) -> Go:
    """A struct from its Go field names; text prints quoted, ``Go`` as it is.

    >>> struct("rbac.RoleRef", APIGroup="g", Kind="Role", Name="r").text
    'rbac.RoleRef{APIGroup:"g", Kind:"Role", Name:"r"}'
    """
    return Go(f"{type_name}{{{', '.join(f'{name}:{_shown(value)}' for name, value in fields.items())}}}")


def _shown(value: Any) -> str:
    if isinstance(value, Go):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    return go_quote(value) if isinstance(value, str) else str(value)


def quantity(text: str, *, printed: bool = False) -> Go:
    """A resource.Quantity, which upstream passes as a struct; ``printed``: its text was asked for before, and so kept.

    >>> quantity("500m").text
    'resource.Quantity{i:resource.int64Amount{value:500, scale:-3}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:"500m", Format:"DecimalSI"}'
    """
    canonical = parse(text)
    value, scale, kept = fast_path(canonical.text)
    shown = go_quote(canonical.text if kept or printed else "")
    amount = f"i:resource.int64Amount{{value:{value}, scale:{scale}}}, d:resource.infDecAmount{{Dec:(*inf.Dec)(nil)}}"
    return Go(f"resource.Quantity{{{amount}, s:{shown}, Format:{go_quote(canonical.format)}}}")


def time(text: str | None) -> Go:
    """A metav1.Time, which prints itself; an absent one is Go's first instant.

    >>> time("2026-01-01T00:00:00Z").text, time(None).text
    ('2026-01-01 00:00:00 +0000 UTC', '0001-01-01 00:00:00 +0000 UTC')
    """
    date, _, clock = (text or "0001-01-01T00:00:00Z").removesuffix("Z").partition("T")
    whole, dot, fraction = clock.partition(".")
    return Go(f"{date} {whole}{(dot + fraction).rstrip('0').rstrip('.')} +0000 UTC")


def object_meta(metadata: dict[str, Any]) -> Go:
    """A whole metav1.ObjectMeta, as ``metadata: Invalid value`` shows it."""
    text = {go: go_quote(str(metadata.get(key, ""))) for go, key in _META_TEXTS}
    return Go(
        f"v1.ObjectMeta{{Name:{text['Name']}, GenerateName:{text['GenerateName']}, Namespace:{text['Namespace']}, "
        f"SelfLink:{text['SelfLink']}, UID:{text['UID']}, ResourceVersion:{text['ResourceVersion']}, "
        f"Generation:{metadata.get('generation', 0)}, CreationTimestamp:time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC), "
        f"DeletionTimestamp:<nil>, DeletionGracePeriodSeconds:(*int64)(nil), Labels:{go_string_map(metadata.get('labels'))}, "
        f"Annotations:{go_string_map(metadata.get('annotations'))}, OwnerReferences:[]v1.OwnerReference(nil), "
        f"Finalizers:{strings(metadata.get('finalizers'))}, ManagedFields:[]v1.ManagedFieldsEntry(nil)}}"
    )


_META_TEXTS = (
    ("Name", "name"),
    ("GenerateName", "generateName"),
    ("Namespace", "namespace"),
    ("SelfLink", "selfLink"),
    ("UID", "uid"),
    ("ResourceVersion", "resourceVersion"),
)
