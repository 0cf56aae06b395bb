"""The shell's state is data: it stops anywhere, goes through a file, and goes on; and no script can bring it down."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelab.cri.effects import HttpAnswer
from tests.unit.cri.builders import FakeWorld, story

SLEEPY = [
    'f() { for i in 1 2 3; do sleep 1; echo "$1 $i"; done; }; f a & f b; wait; echo $?',
    'x=$(for i in 1 2; do sleep 1; echo $i; done | while read l; do echo "<$l>"; done); echo $x',
    "{ sleep 1; echo a; (sleep 1; echo b); } > /tmp/o; while read l; do sleep 1; echo got $l; done < /tmp/o",
    "trap 'echo term; sleep 2; exit 3' TERM; while true; do case $i in 111) break;; *) i=1$i; sleep 2;; esac; done; sleep 99",
    "trap 'echo term' TERM; set -e; sleep 50 & wait $! || echo interrupted; sleep 1; exit 4",
    "set -- a b; for w; do sleep 1; echo $w; done; eval 'sleep 1; echo $#'; exec sleep 2",
    "if sleep 1; then until [ -f /tmp/x ]; do sleep 1; touch /tmp/x; done; fi; [ $(sleep 1; echo 5) -gt 4 ] && echo yes",
    "touch /tmp/l; tail -F /tmp/l & while sleep 1; do echo x >> /tmp/l; n=x$n; [ $n = xxx ] && exit 7; done",
    "A=1 sh -c 'sleep 1; echo $A; exit 5'; echo $? && ! sleep 1 || echo fine",
]
WORDS = (
    "echo", "$(", "`", '"', "'", "${", "}", "$((", "))", "if", "then", "fi", "while", "do", "done", ";", "&&", "||", "|", "&", ">", "<",
    "<<", "EOF", "\n", " ", "x", "1", "*", "[", "]", "[[", "]]", "=~", "case", "in", "esac", ";;", "trap", "TERM", "wait", "exec", "sleep 1",
    "f()", "{", "(", ")", "!", "set -eux", "read x", "$x", "$@", "$?", "$!", "${x##*", "break", "continue", "return", "exit", ". /tmp/x",
    "eval", "grep", "printf %d", "date +%", "tail -f", "/tmp/x", "kill 1", "kill $!", "shift", "seq 3", "wget db", "curl -w", "\\", "x=",
    "local", "${x:1:2}", "for", "until", "test", "-eq", "#", "~", "2>&1", "&>", "$", "unset x", "let", "rm -rf /", "cat", "cut -f1",
)  # fmt: skip


@pytest.mark.parametrize("script", SLEEPY)
def test_a_shell_that_went_through_a_file_goes_on_as_if_nothing_had_been(script: str) -> None:
    told = story(script, signals={3.5: "TERM"}, until=60)
    assert len(told) > 1
    assert story(script, signals={3.5: "TERM"}, until=60, saved=True) == told


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.lists(st.sampled_from(WORDS), max_size=25), st.sampled_from(("", " ")))
def test_no_script_brings_the_lab_down(words: list[str], between: str) -> None:
    world = FakeWorld({"db": "10.1.1.1"}, {"db:80/": HttpAnswer(200, "x")})
    told = story(between.join(words), world=world, signals={1: "TERM"}, until=5)
    assert told[-1][1].startswith(("exit ", "running"))
