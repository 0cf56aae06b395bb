"""upstream: apimachinery/pkg/labels/selector_test.go, …/fields/selector_test.go, …/meta/v1/{helpers,validation}_test.go, 1.28."""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.kinds.field_selectors import parse_field_selector, unsupported_field
from kubelab.kinds.registry import by_resource
from kubelab.kinds.selectors import (
    SelectorError,
    compile_selector,
    format_selector,
    matches_selector,
    parse_label_selector,
    validate_label_selector,
)

PARSED = [  # TestSelectorParse, TestSetSelectorParser: text, normal form
    ("x=a,y=b,z=c", "x=a,y=b,z=c"),
    ("", ""),
    ("x= ,z= ", "x=,z="),
    ("!x", "!x"),
    ("x>1,z<5", "x>1,z<5"),
    ("\rx", "x"),
    ("this-is-a-dns.domain.com/key-with-dash in (so,what)", "this-is-a-dns.domain.com/key-with-dash in (so,what)"),
    ("0.1.2.domain/99 notin (10.10.100.1, tick.tack.clock)", "0.1.2.domain/99 notin (10.10.100.1,tick.tack.clock)"),
    ("foo  in\t (abc)", "foo in (abc)"),
    ("x in (abc,)", "x in (,abc)"),
    ("x in ()", "x in ()"),
    ("x notin (abc,,def),bar,z in (),w", "bar,w,x notin (,abc,def),z in ()"),
    ("x notin (, a)", "x notin (,a)"),
    ("a in (x,y,notin, z,in)", "a in (in,notin,x,y,z)"),
    ("x,y in (a)", "x,y in (a)"),
    ("notin=in", "notin=in"),
]


@pytest.mark.parametrize(("text", "normal"), PARSED)
def test_parsed(text: str, normal: str) -> None:
    assert str(parse_label_selector(text)) == normal


REFUSED = [
    (
        "x=a||y=b",
        'unable to parse requirement: values[0][x]: Invalid value: "a||y": a valid label must be an empty string or consist of '
        "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  "
        "or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    ),
    ("x==a==b", "found '==', expected: ',' or 'end of string'"),
    ("!x=a", "found '=', expected: ',' or 'end of string'"),
    ("x,,y", "found ',', expected: identifier after ','"),
    (",x,y", "found ',', expected: !, identifier, or 'end of string'"),
    ("x nott in (y)", "unable to parse requirement: found 'nott', expected: in, notin, =, ==, !=, gt, lt"),
    ("a in (xyz),", "found '', expected: identifier after ','"),
    ("a in (xyz)b notin ()", "found 'b', expected: ',' or 'end of string'"),
    ("a in (xyz abc)", "unable to parse requirement: found 'abc', expected: ',' or ')'"),
    ("a in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"),  # core-errors:31
    ("a notin(", "unable to parse requirement: found '', expected: ',', ')' or identifier"),
    ("a in b", "unable to parse requirement: found 'b' expected: '('"),
    ("(", "found '(', expected: !, identifier, or 'end of string'"),
    (
        "x<a",
        "unable to parse requirement: values[0]: Invalid value: \"a\": for 'Gt', 'Lt' operators, the value must be an integer",
    ),
    (
        "a/b/c=d",
        "unable to parse requirement: <nil>: Invalid value: \"a/b/c\": a qualified name must consist of alphanumeric characters, '-', '_' "
        "or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
        "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. "
        "'example.com/MyName')",
    ),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        parse_label_selector(text)
    assert str(caught.value) == message


MATCHES = [  # TestSelectorMatches
    ("", {"x": "y"}, True),
    ("x=y,z=w", {"x": "y", "z": "w"}, True),
    ("x!=y,z!=w", {"x": "z", "z": "a"}, True),
    ("x!=y", {}, True),
    ("notin=in", {"notin": "in"}, True),
    ("!x", {"y": "z"}, True),
    ("x>1", {"x": "2"}, True),
    ("x<1", {"x": "0"}, True),
    ("x=z", {}, False),
    ("x!=y,z!=w", {"x": "z", "z": "w"}, False),
    ("x", {"y": "z"}, False),
    ("!x", {"x": "z"}, False),
    ("x>1", {"x": "0"}, False),
    ("x>1", {"x": "two"}, False),
    ("x notin (a,b)", {}, True),
]


@pytest.mark.parametrize(("text", "labels", "matches"), MATCHES)
def test_matches(text: str, labels: dict[str, str], matches: bool) -> None:
    assert parse_label_selector(text).matches(labels) is matches


OBJECTS: list[tuple[dict[str, Any] | None, bool, str]] = [  # TestLabelSelectorAsSelector
    (None, False, "<none>"),
    ({}, True, "<none>"),
    ({"matchLabels": {"foo": "bar"}}, True, "foo=bar"),
    ({"matchExpressions": [{"key": "baz", "operator": "In", "values": ["qux", "norf"]}]}, True, "baz in (norf,qux)"),
    ({"matchLabels": {"foo": "bar"}, "matchExpressions": [{"key": "baz", "operator": "DoesNotExist"}]}, False, "!baz,foo=bar"),
    ({"matchExpressions": [{"key": "foo", "operator": "NotIn", "values": ["x"]}]}, True, "foo notin (x)"),
    ({"matchExpressions": [{"key": "nope", "operator": "Exists"}]}, False, "nope"),
]


@pytest.mark.parametrize(("selector", "matches", "text"), OBJECTS)
def test_selector_objects(selector: dict[str, Any] | None, matches: bool, text: str) -> None:
    labels = {"foo": "bar", "baz": "qux"}
    assert matches_selector(selector, labels) is matches
    assert compile_selector(selector).matches(labels) is matches
    assert format_selector(selector) == text


def test_a_compiled_selector_of_an_unknown_operator() -> None:
    with pytest.raises(SelectorError, match='"Like" is not a valid label selector operator'):
        compile_selector({"matchExpressions": [{"key": "a", "operator": "Like"}]})


def test_validation_of_selector_objects() -> None:  # metav1 validation_test.go TestLabelSelectorMatchExpression
    expressions = [
        {"key": "key", "operator": "In"},
        {"key": "key", "operator": "Exists", "values": ["v"]},
        {"key": "key", "operator": "abc"},
        {"key": "key", "operator": "In", "values": ["bad value"]},
    ]
    errors = validate_label_selector({"matchExpressions": expressions}, "s")
    assert [error.text().split(" (e.g.")[0] for error in errors] == [
        "s.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
        "s.matchExpressions[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        's.matchExpressions[2].operator: Invalid value: "abc": not a valid selector operator',
        's.matchExpressions[3].values[0]: Invalid value: "bad value": a valid label must be an empty string or consist of alphanumeric '
        "characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ]


FIELDS = [  # fields/selector_test.go TestSelectorMatches, TestSelectorParse
    ("x=y", {"x": "y"}, True),
    ("x==y", {"x": "y"}, True),
    ("x!=y,z!=w", {"x": "z", "z": "a"}, True),
    ("x=z", {}, False),
    ("x=", {}, True),
    (r"x=a||y\=b", {"x": "a||y=b"}, True),
    (r"x=a\,b\\", {"x": "a,b\\"}, True),
    ("x=a,", {"x": "a"}, True),
    ("!=,x=a", {"x": "a"}, True),  # fields/selector.go, hasTerm.Transform: neither field nor value
]


@pytest.mark.parametrize(("text", "fields", "matches"), FIELDS)
def test_field_selectors(text: str, fields: dict[str, str], matches: bool) -> None:
    assert parse_field_selector(text).matches(fields) is matches


FIELD_REFUSED = [
    ("x", "invalid selector: 'x'; can't understand 'x'"),
    ("x=a,b", "invalid selector: 'x=a,b'; can't understand 'b'"),
    ("x=a||y=b", "invalid field selector: unescaped character in value: 61"),
    (r"x=\a", r"invalid field selector: invalid escape sequence: \a"),
    ("x=\\", "invalid field selector: invalid escape sequence: \\"),
]


@pytest.mark.parametrize(("text", "message"), FIELD_REFUSED)
def test_refused_field_selectors(text: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        parse_field_selector(text)
    assert str(caught.value) == message


UNSUPPORTED = [  # pkg/apis/*/v1/conversion.go; core-errors:32
    ("pods", "spec.nodeName", None),
    ("pods", "spec.bogus", "field label not supported: spec.bogus"),
    ("pods", "metadata.namespace", None),
    ("nodes", "metadata.namespace", "field label not supported: metadata.namespace"),
    ("configmaps", "data", '"data" is not a known field selector: only "metadata.name", "metadata.namespace"'),
    ("jobs.batch", "spec.x", 'field label "spec.x" not supported for Job'),
    ("secrets", "type", None),
]


@pytest.mark.parametrize(("resource", "field", "message"), UNSUPPORTED)
def test_fields_that_a_kind_does_not_select_by(resource: str, field: str, message: str | None) -> None:
    assert unsupported_field(by_resource(resource), field) == message
