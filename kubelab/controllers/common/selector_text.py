"""A LabelSelector as Go prints one in a message (``%v`` of the pointer): ``nil``, or all its fields.

upstream: apimachinery/pkg/apis/meta/v1/generated.pb.go (LabelSelector.String), 1.28.
"""

from __future__ import annotations

from kubelab.store.log import Object


def selector_text(selector: Object | None) -> str:
    """The text of a LabelSelector object.

    >>> selector_text({"matchLabels": {"app": "web"}})
    '&LabelSelector{MatchLabels:map[string]string{app: web,},MatchExpressions:[]LabelSelectorRequirement{},}'
    """
    if selector is None:
        return "nil"
    labels = "".join(f"{key}: {text}," for key, text in sorted((selector.get("matchLabels") or {}).items()))
    expressions = "".join(
        f"LabelSelectorRequirement{{Key:{each['key']},Operator:{each['operator']},Values:[{' '.join(each.get('values') or ())}],}},"
        for each in selector.get("matchExpressions") or ()
    )
    return f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
