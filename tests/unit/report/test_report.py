"""The report: one page that holds everything, and nothing of what a log's clients wrote takes effect in it."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

import kubelab as kl
from kubelab.report.findings import findings
from kubelab.report.sections import SECTIONS, once_each
from kubelab.report.table import html_table, text_table
from kubelab.report.text import html, plain

DATA = Path(__file__).parents[2] / "data" / "auditlog"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "=cmd()|' /C calc'!A0",
    "\x1b[2J\x1b[31mred",
    "a\nb\r\nc",
    "$x^2$ $\\frac{",
    "\u202egnp.exe",
    "x" * 5000,
)


class Page(HTMLParser):
    """Which elements and attributes a page has."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.outside, self.handlers = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "action", "data") and value and not value.startswith(("#", "data:")):
                self.outside.append(value)
            if name.startswith("on"):
                self.handlers.append(name)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    log = kl.auditlog.read(DATA / "busy-seconds.jsonl.gz")
    return log.report(tmp_path_factory.mktemp("report") / "report.html", title="A busy minute", policy="Metadata").read_text(
        encoding="utf-8"
    )


def test_a_report_holds_every_section_once_and_nothing_from_outside(written):
    page = Page(written)
    for section in SECTIONS:
        assert written.count(f'<section id="{section.anchor}">') == 1
    assert page.outside == [] and page.handlers == [] and "script" not in page.tags
    assert page.tags.count("svg") > 8
    assert "<h1>A busy minute</h1>" in written and 'id="what-if"' in written


def test_a_finding_leads_to_a_section(written):
    anchors = re.findall(r'<a href="#([\w-]+)">show</a>', written)
    assert anchors
    assert set(anchors) <= set(re.findall(r'<section id="([\w-]+)">', written))


def test_the_same_log_gives_the_same_page(written, tmp_path):
    with kl.auditlog.read(DATA / "busy-seconds.jsonl.gz") as log:
        again = log.report(tmp_path / "again.html", title="A busy minute", policy="Metadata")
    assert again.read_text(encoding="utf-8") == written


def event(number, text):
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"id-{number}",
        "stage": "ResponseComplete",
        "requestURI": f"/api/v1/namespaces/n/secrets/{text}",
        "verb": "delete",
        "user": {"username": text, "groups": [text]},
        "sourceIPs": [text],
        "userAgent": text,
        "objectRef": {"resource": "secrets", "namespace": text, "name": text, "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 403, "reason": text, "message": text},
        "requestReceivedTimestamp": f"2026-01-01T00:00:{number:02d}.000000Z",
        "stageTimestamp": f"2026-01-01T00:00:{number:02d}.100000Z",
        "annotations": {"authorization.k8s.io/reason": text, text: text},
    }


def test_hostile_values_stay_text(tmp_path):
    events = [event(number, text) for number, text in enumerate(HOSTILE)]
    page_text = kl.auditlog.read(events).report(tmp_path / "r.html", title=HOSTILE[0]).read_text(encoding="utf-8")
    page = Page(page_text)
    assert "script" not in page.tags and "img" not in page.tags and page.handlers == [] and page.outside == []
    assert "\x1b" not in page_text and "\u202e" not in page_text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page_text


def test_an_empty_log_has_a_report_too(tmp_path):
    text = kl.auditlog.read([]).report(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "without a single call" in text and "Nothing stands out." in text


def test_damaged_lines_are_in_the_report(tmp_path):
    path = tmp_path / "audit.log"
    path.write_text(json.dumps(event(0, "alice")) + '\n{"kind":"Event","lev\n', encoding="utf-8")
    assert "What could not be read" in kl.auditlog.read(path).report(tmp_path / "r.html").read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written_says_where(tmp_path):
    log = kl.auditlog.read([event(0, "alice")])
    with pytest.raises(ValueError, match="is a folder: give the name of a file in it"):
        log.report(tmp_path)
    with pytest.raises(ValueError, match="there is no folder"):
        log.report(tmp_path / "no" / "report.html")


# tables and text


@pytest.mark.parametrize("text", HOSTILE)
def test_text_for_a_terminal_is_one_harmless_line(text):
    shown = plain(text)
    assert shown.isprintable() and len(shown) <= 4 * 160
    assert "<" not in html(text).replace("<span title=", "").replace("</span>", "")


def test_a_text_table_lines_up_and_says_what_it_left_out():
    frame = pd.DataFrame({"user": ["alice", "b\nob", None], "calls": [1234567, 2, 3], "share": [0.5, 0.25, float("nan")]})
    assert text_table(frame, most=2).splitlines() == [
        "USER        CALLS   SHARE",
        "alice   1,234,567     0.5",
        "b\\nob           2    0.25",
        "… and 1 more",
    ]


def test_an_html_table_shows_instants_shares_and_nothing():
    frame = pd.DataFrame({"when": [pd.Timestamp("2026-01-01T10:00:00.5Z"), pd.NaT], "share": [0.1234, None], "ok": [True, False]})
    text = html_table(frame)
    assert "<td class=t>2026-01-01 10:00:00</td><td class=n>12.3%</td><td class=t>yes</td>" in text
    assert "<td class=t>–</td><td class=n>–</td><td class=t>no</td>" in text


def test_anomalies_of_one_kind_stand_in_one_row():
    rows = pd.DataFrame(
        {
            "user": ["a", "a", "b"],
            "verb": ["get"] * 3,
            "target": ["pods"] * 3,
            "window": pd.to_datetime(["2026-01-01T00:02Z", "2026-01-01T00:01Z", "2026-01-01T00:03Z"]),
            "calls": [5, 9, 1],
            "expected": [0.0, 0.1, 0.0],
            "kind": ["more", "more", "never seen before"],
            "q": [1e-3, 1e-9, 1e-2],
        }
    )
    found = once_each(rows)
    assert found[["user", "minutes", "calls", "q"]].values.tolist() == [["a", 2, 9, 1e-9], ["b", 1, 1, 1e-2]]


def test_anomalies_are_told_in_minutes_with_the_false_alarms_to_expect():
    rows = pd.DataFrame(
        {"user": ["a", "b", "a"], "window": pd.to_datetime(["2026-01-01T00:01Z", "2026-01-01T00:01Z", "2026-01-01T00:02Z"])}
    )
    rows.attrs = {"beside": {}, "false_alarms": {"per_hour": 0.25}}
    (found,) = findings({"anomalies": rows})
    assert found.text == (
        "2 minutes stand out; the users concerned are a and b (on the baseline itself this test gives 0.25 alarms an hour)."
    )
