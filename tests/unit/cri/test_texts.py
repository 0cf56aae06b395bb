"""Filters: what they print, as busybox and the GNU tools agree on it."""

from __future__ import annotations

import pytest

from tests.unit.cri.test_shell import outcome

LINES = r"printf 'pear 3\napple 10\nfig 2\nfig 2\n'"
ROWS: list[tuple[str, str]] = [
    (f"{LINES} | sort", "apple 10\nfig 2\nfig 2\npear 3\n"),
    (f"{LINES} | sort -u", "apple 10\nfig 2\npear 3\n"),
    (f"{LINES} | sort -r", "pear 3\nfig 2\nfig 2\napple 10\n"),
    (f"{LINES} | sort -k 2 -n", "fig 2\nfig 2\npear 3\napple 10\n"),
    (f"{LINES} | sort -k2 -nr", "apple 10\npear 3\nfig 2\nfig 2\n"),
    (f"{LINES} | sort -t ' ' -k2 -n | head -n 1", "fig 2\n"),
    (r"printf '10\n9\n-1\n' | sort -n", "-1\n9\n10\n"),
    (f"{LINES} | uniq", "pear 3\napple 10\nfig 2\n"),
    (f"{LINES} | uniq -c", "      1 pear 3\n      1 apple 10\n      2 fig 2\n"),
    (f"{LINES} | uniq -d", "fig 2\n"),
    (f"{LINES} | uniq -u", "pear 3\napple 10\n"),
    ("echo hello | tr a-z A-Z", "HELLO\n"),
    ("echo hello | tr '[:lower:]' '[:upper:]'", "HELLO\n"),
    ("echo a,b,c | tr , '\\n'", "a\nb\nc\n"),
    ("echo hello | tr -d l", "heo\n"),
    ("echo 'a1b2' | tr -cd '[:digit:]'", "12"),
    ("echo 'a   b' | tr -s ' '", "a b\n"),
    ("echo aabbcc | tr -s ab xy", "xycc\n"),
    ("echo abc | tr abc x", "xxx\n"),
    ("echo x | tee /tmp/a /tmp/b; echo y | tee -a /tmp/a; cat /tmp/a /tmp/b", "x\ny\nx\ny\nx\n"),
    (f"{LINES} | sed s/fig/nut/", "pear 3\napple 10\nnut 2\nnut 2\n"),
    (f"{LINES} | sed -n 2p", "apple 10\n"),
    (f"{LINES} | sed -n '2,3p'", "apple 10\nfig 2\n"),
    (f"{LINES} | sed '2,3d'", "pear 3\nfig 2\n"),
    (f"{LINES} | sed '/fig/d'", "pear 3\napple 10\n"),
    (f"{LINES} | sed -n '/apple/,$p'", "apple 10\nfig 2\nfig 2\n"),
    (f"{LINES} | sed '$!d'", "fig 2\n"),
    (f"{LINES} | sed 2q", "pear 3\napple 10\n"),
    (f"{LINES} | sed -e s/p/P/g -e 's/ .*//'", "Pear\naPPle\nfig\nfig\n"),
    (f"{LINES} | sed -E 's/([a-z]+) ([0-9]+)/\\2 \\1/;3d'", "3 pear\n10 apple\n2 fig\n"),
    ("echo a/b/c | sed 's|/|.|g'", "a.b.c\n"),
    ("echo a/b | sed 's/\\//-/'", "a-b\n"),
    ("echo aaa | sed s/a/b/2", "aba\n"),
    ("echo web-0 | sed 's/.*-\\([0-9]*\\)/\\1/'", "0\n"),
    ("echo abc | sed 's/b/[&]/'", "a[b]c\n"),
    ("echo ABC | sed s/b/x/i", "AxC\n"),
    ("printf 'k=1\\n' > /tmp/f; sed -i s/1/2/ /tmp/f; cat /tmp/f", "k=2\n"),
    ("echo hello | head -c 2", "he"),
    ("echo hello | cut -c 2-3; echo hello | cut -c1", "el\nh\n"),
    ("printf 'a:b:c\\nx\\n' | cut -d : -f 1,3; printf 'a:b\\nx\\n' | cut -s -d: -f2", "a:c\nx\nb\n"),
    ("printf 'a b\\n' > /tmp/f; cut -d ' ' -f 2 /tmp/f", "b\n"),
]


@pytest.mark.parametrize(("script", "out"), ROWS)
def test_filters(script: str, out: str) -> None:
    assert outcome(script) == (out, "", 0)


COMPLAINTS = [
    ("sort /no", "sort: /no: No such file or directory\n"),
    ("sed s/a", "sed: unmatched '/'\n"),
    ("echo a | sed y/a/b/", "sed: unsupported command y\n"),
    ("sort -Z", "sort: invalid option -- 'Z'\n"),
    ("tr a", "tr: missing operand\n"),
    ("cut -d:", "cut: expected a list of bytes, characters, or fields\n"),
]


@pytest.mark.parametrize(("script", "err"), COMPLAINTS)
def test_complaints(script: str, err: str) -> None:
    assert outcome(script) == ("", err, 1)
