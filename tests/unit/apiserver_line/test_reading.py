"""Texts as a Go server reads them.

upstream: sigs.k8s.io/json internal/golang/encoding/json/decode_test.go (unicode, duplicate fields), sigs.k8s.io/yaml yaml_test.go, go-yaml
decode_test.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.apiserver import reading
from kubelab.kinds.decode import Doubled


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": {"b": 1}, "a": {"c": 2}}', {"a": {"b": 1, "c": 2}}),
        ('{"a": {"b": 1}, "a": 2}', {"a": 2}),
        ('{"a": [1, 2], "a": [3]}', {"a": [3]}),
        ('{"url": "http://x:80"}', {"url": "http://x:80"}),
        ('{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        ('{"a": "\\ud800x"}', {"a": "\ufffdx"}),
    ],
)
def test_json_values(text: str, value: Any) -> None:
    assert reading.plain(reading.json_value(text)) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}', []),
        ('{"a": 1, "a": 2, "a": 3}', ["a"]),
        ('{"spec": {"b": [{"c": 1, "c": 2}]}}', ["spec.b[0].c"]),
        ('[{"op": 1, "op": 2}]', ["[0].op"]),
        ('{"z": {"y": 1, "y": 2}, "b": 1, "b": 2}', ["z.y", "b"]),
    ],
)
def test_keys_that_stand_twice(text: str, said: list[str]) -> None:
    assert reading.doubles(reading.json_value(text)) == [f'duplicate field "{path}"' for path in said]


def test_the_outermost_object_tells_whether_any_key_stands_twice() -> None:
    assert type(reading.json_value('{"a": {"b": 1, "b": 2}}')) is Doubled
    assert type(reading.json_value('{"a": {"b": 1}, "c": "x: y"}')) is dict


@pytest.mark.parametrize("text", ["1.0", "1e2", "-0.50", "1E+3"])
def test_numbers_print_as_they_were_written(text: str) -> None:
    assert f"{reading.json_literals(text)}" == text == str(reading.json_literals(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 2020-01-01", {"a": "2020-01-01"}),
        ("a: 2020-01-01T00:00:00Z", {"a": "2020-01-01T00:00:00Z"}),
        ("a: 1e3", {"a": 1000.0}),
        ("a: 010", {"a": 8}),
        ("a: yes", {"a": True}),
        ("1: a\ntrue: b", {"1": "a", "true": "b"}),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: {<<: {b: 1}, c: 2}", {"a": {"b": 1, "c": 2}}),
        ("a: 1\n---\nb: 2", {"a": 1}),
        ("", None),
        ("{}", {}),
    ],
)
def test_yaml_values(text: str, value: Any) -> None:
    assert reading.yaml_value(text) == (value, [])


def test_repeated_yaml_keys_are_said_with_their_lines() -> None:
    value, repeats = reading.yaml_value("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n")
    assert value == {"a": 3, "b": {"c": 2}}
    assert reading.yaml_repeats(sorted(repeats)) == (
        'yaml: unmarshal errors:\n  line 4: key "c" already set in map\n  line 5: key "a" already set in map'
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: b: c", "yaml: mapping values are not allowed in this context"),
        ("a:\n  - b\n  c: d", "yaml: line 1: did not find expected '-' indicator"),
        ("a: [b", "yaml: did not find expected ',' or ']'"),
        ("a: *x", "yaml: unknown anchor 'x' referenced"),
    ],
)
def test_yaml_errors_in_go_yamls_words(text: str, error: str) -> None:
    with pytest.raises(reading.YamlError) as found:
        reading.yaml_value(text)
    assert str(found.value) == error


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"a": [{1, 2}]}, "body.a[0]: a set is no JSON value"),
        ({(1,): 2}, "body: the key (1,) is no text"),
        (b"x", "body: a bytes is no JSON value"),
    ],
)
def test_what_is_no_json_is_named(value: Any, error: str) -> None:
    with pytest.raises(TypeError) as found:
        reading.json_copy(value)
    assert str(found.value).startswith(error)


def test_a_copy_has_json_shapes() -> None:
    assert reading.json_copy({"a": (1, 2.5, None), 3: True}) == {"a": [1, 2.5, None], "3": True}
