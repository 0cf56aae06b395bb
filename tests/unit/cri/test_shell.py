"""The small shell: scripts, and what they print and when.

Sources: POSIX.1-2017 Shell Command Language; busybox ash for messages; Linux for signals to process 1 (kill(2), pid_namespaces(7)).
"""

from __future__ import annotations

import pytest

from kubelab.cri.api import Mount
from kubelab.cri.effects import HttpAnswer
from tests.unit.cri.builders import FakeWorld, story


def outcome(script: str, **given: object) -> tuple[str, str, int]:
    """Standard output, standard error, exit code."""
    *lines, (_, last) = story(script, **given)  # type: ignore[arg-type]
    out = "".join(text for _, text in lines if not text.startswith("!"))
    err = "".join(text[1:] for _, text in lines if text.startswith("!"))
    return out, err, int(last.removeprefix("exit "))


@pytest.mark.parametrize(
    ("script", "out", "code"),
    [
        ("echo hello", "hello\n", 0),
        ("exit 3", "", 3),
        ("exit 300", "", 44),
        ("true; false", "", 1),
        ("mkdir -p /tmp/d/x; echo a > /tmp/d/x/f; echo b > /tmp/d/.h; find /tmp/d", "/tmp/d\n/tmp/d/.h\n/tmp/d/x\n/tmp/d/x/f\n", 0),
        ("mkdir -p /tmp/d/x; touch /tmp/d/x/f; find /tmp/d -mindepth 1 -type f; find /tmp/d -maxdepth 0", "/tmp/d/x/f\n/tmp/d\n", 0),
        ('mkdir -p /tmp/d/x; touch /tmp/d/x/f; find /tmp/d -mindepth 1 -delete && test -z "$(ls -A /tmp/d)" && echo empty', "empty\n", 0),
        ("false || echo b", "b\n", 0),
        ("true && false || echo c", "c\n", 0),
        ("! true; echo $?", "1\n", 0),
        ("if false; then echo a; elif true; then echo b; else echo c; fi", "b\n", 0),
        ("if false; then echo a; fi; echo $?", "0\n", 0),
        ("for i in 9 8 7; do echo $i; done", "9\n8\n7\n", 0),
        ("for i in a b; do for j in 1 2; do [ $j = 2 ] && continue 2; echo $i$j; done; done", "a1\nb1\n", 0),
        ("for i in 1 2 3; do [ $i = 2 ] && break; echo $i; done; echo end", "1\nend\n", 0),
        ("n=0; while [ $n -lt 2 ]; do n=$((n+1)); (exit 5); done; echo $?; while false; do :; done; echo $?", "5\n0\n", 0),
        ("while :; do for i in 1; do while :; do break 3; done; done; done; echo $?; until :; do :; done; echo $?", "0\n0\n", 0),
        ("n=0; while [ $n -lt 3 ]; do n=$((n+1)); [ $n = 2 ] && continue; echo $n; done; echo $?", "1\n3\n0\n", 0),
        ("for i in 1 2; do (echo $i; break; echo no) && echo on; done", "1\non\n2\non\n", 0),
        ("for i in; do echo no; done; echo $?", "0\n", 0),
        ("i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; echo $i", "3\n", 0),
        ("i=0; until [ $i -eq 2 ]; do i=$((i+1)); done; echo $i", "2\n", 0),
        ("case web-0 in *-0) echo zero;; a|b) echo ab;; *) echo other;; esac", "zero\n", 0),
        ("case b in *-0) echo zero;; a|b) echo ab;; *) echo other;; esac", "ab\n", 0),
        ("f() { echo \"$1 $#\"; return 4; }; f a b; echo $?", "a 2\n4\n", 0),
        ("(exit 7); echo $?; (cd /tmp; pwd); pwd", "7\n/tmp\n/\n", 0),
        ("{ echo a; echo b; } > /tmp/x; cat /tmp/x", "a\nb\n", 0),
        ("set -e; false; echo no", "", 1),
        ("set -e; if false; then :; fi; false || true; echo yes", "yes\n", 0),
        ("x=$(false); echo $?", "1\n", 0),
        ("(exit 3); echo $? $(true)", "3 \n".replace(" ", ""), 0),
        ("x=5 y=$x; echo $y", "5\n", 0),
("A=1 env | while read l; do case $l in A=*) echo $l;; esac; done; echo [$A]", "A=1\n[]\n", 0),
        ("A=1 sh -c 'echo $A'; echo [$A]", "1\n[]\n", 0),
        ("sh -c 'echo a' > /tmp/x; echo b; cat /tmp/x", "b\na\n", 0),
        ("eval 'echo a' > /tmp/x; echo b; cat /tmp/x", "b\na\n", 0),
        ("f() { echo a; return 1; }; f > /tmp/x || echo b; cat /tmp/x", "b\na\n", 0),
        ("f() { local x=1 y; y=2; echo $x$y; }; x=a; f; echo $x[$y]; x=2 f; echo $x", "12\na[]\n12\na\n", 0),
        ("for w in 'a b' \"$@\" \"\"; do echo [$w]; done; printf 'a\\nb' | while read l; do echo $l; done", "[a b]\n[]\na\n", 0),
        ("set -e; f() { return 4; }; f; echo no", "", 4),
        ("set -e; f() { false; echo on; }; f || echo b; (false; echo sub) || echo c; f; echo no", "on\nsub\n", 1),
        ("set -e; sh -c 'exit 3'; echo no", "", 3),
        ("set -e; (exit 6); echo no", "", 6),
        ("set -e; x=$(exit 8); echo no", "", 8),
        # Words
        ("echo 'a  b'   \"c $((1+1))\" d\\ e", "a  b c 2 d e\n", 0),
        ("x='a  b'; echo $x; echo \"$x\"", "a b\na  b\n", 0),
        ("echo ${HOSTNAME##*-} ${#HOSTNAME} ${HOSTNAME%-*} ${Z:-def} ${HOSTNAME:+y} ${Z:+n}", "0 5 web def y\n", 0),
        ("HOSTNAME=etcd-12; echo ${HOSTNAME:5:${#HOSTNAME}} ${HOSTNAME/etcd/x}", "12 x-12\n", 0),
        ("P=; for i in 0 1; do P=\"${P}${P:+,}http://e-$i\"; done; echo $P", "http://e-0,http://e-1\n", 0),
        ("echo `echo a; echo b` $(echo \"$(echo c)\")", "a b c\n", 0),
        ("set -- a 'b c'; for w in \"$@\"; do echo [$w]; done; shift; echo $# $1", "[a]\n[b c]\n1 b c\n", 0),
        ("touch /tmp/a1 /tmp/a2; cd /tmp; echo a* /tmp/*2 nope*", "a1 a2 /tmp/a2 nope*\n", 0),
        ("cat <<EOF\nhi $HOSTNAME\nEOF\ncat <<'EOF'\n$HOSTNAME\nEOF\n", "hi web-0\n$HOSTNAME\n", 0),
        ("cat <<-EOF | while read a b; do echo $b; done\n\tx y\n\tEOF\n", "y\n", 0),
        ("echo $((2*(3+4)%5)) $((7/-2)) $((1<2&&3>2)) $((0x10)) $((5==5?8:9)) $((2**10))", "4 -3 1 16 8 1024\n", 0),
        ("(( 3 > 2 )) && echo yes", "yes\n", 0),
        ("# a comment\necho a # another\n", "a\n", 0),
        ("echo a \\\n  b", "a b\n", 0),
        # Commands
        ("printf '%s-%03d|%5s|%-3s|\\n' a 5 b c", "a-005|    b|c  |\n", 0),
        ("printf '%s\\n' a b", "a\nb\n", 0),
        ("echo -n a; echo -e 'b\\tc'", "ab\tc\n", 0),
        ("mkdir -p /d/e; echo x > /d/e/f; echo y >> /d/e/f; cat /d/e/f; ls /d; ls /d/e", "x\ny\ne\nf\n", 0),
        ("touch /tmp/x; [ -f /tmp/x ] && [ -d /tmp ] && [ ! -e /tmp/y ] && rm /tmp/x; test -e /tmp/x || echo gone", "gone\n", 0),
        ("[ a = a -a 1 -lt 2 ] && [ -z '' -o b = c ] && [ -n x ] && echo yes", "yes\n", 0),
        ("[[ web-3 =~ -([0-9]+)$ ]] && echo ${BASH_REMATCH[1]}; [[ abc == a* && -n x ]] && echo m; [[ abc == 'a*' ]] || echo q", "3\nm\nq\n", 0),
        ("hostname; hostname -i; cat /etc/hostname", "web-0\n10.0.0.5\nweb-0\n", 0),
        ("date; date +%s; date +%F", "Thu Jan  1 00:00:00 UTC 1970\n0\n1970-01-01\n", 0),
        ("seq 0 2; seq 3 -1 2", "0\n1\n2\n3\n2\n", 0),
        ("echo a b | while read x y; do echo \"$y $x\"; done", "b a\n", 0),
        ("while read l; do echo \"<$l>\"; done < /etc/hostname", "<web-0>\n", 0),
        ("exec echo replaced; echo never", "replaced\n", 0),
        ("echo $((RANDOM % 10)) $RANDOM", "4 16384\n", 0),
        ("eval 'x=1; echo $x'", "1\n", 0),
        ("echo 'echo sourced $1' > /tmp/s.sh; . /tmp/s.sh; sh /tmp/s.sh arg; /tmp/s.sh two", "sourced\nsourced arg\nsourced two\n", 0),
        ("sh -c 'echo $0 $1' a b", "a b\n", 0),
        ("printf 'a:b\\nc:d\\n' | cut -d: -f2 | head -n 1; printf 'x\\ny\\n' | wc -l", "b\n2\n", 0),
        ("printf 'ab\\ncd\\n' | grep -v a; echo imok | grep -q imok && echo yes; echo x | grep -c y", "cd\nyes\n0\n", 1),
        ("touch /tmp/m; mv /tmp/m /tmp/n; ls /tmp", "n\n", 0),
        ("echo a > /tmp/f; echo $(</tmp/f)", "a\n", 0),
        ("[[ 'a  b' =~ ^(.*?)[[:space:]]+(.*?)$ ]] && echo ${BASH_REMATCH[2]}", "b\n", 0),
        ("command -v echo; command -v nope || echo none", "echo\nnone\n", 0),
        ("trap 'echo bye' EXIT; echo a; exit 2", "a\nbye\n", 2),
        ("export A=1; B=2; env | while read l; do case $l in A=*|B=*) echo $l;; esac; done", "A=1\n", 0),
    ],
)  # fmt: skip
def test_script_prints_and_ends(script: str, out: str, code: int) -> None:
    assert outcome(script) == (out, "", code)


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("sleep", "5"), [(5, "exit 0")]),
        (("sh",), [(0, "exit 0")]),
        (("sh", "-c"), [(0, "!sh: -c requires an argument\n"), (0, "exit 2")]),
        (("/bin/bash", "-c", "--", "echo a"), [(0, "a\n"), (0, "exit 0")]),
        (("/bin/sh", "-ec", "false; echo no"), [(0, "exit 1")]),
        (("bash", "-eo", "pipefail", "-c", "echo $0 $1", "x", "y"), [(0, "x y\n"), (0, "exit 0")]),
        (("sh", "/nope.sh"), [(0, "!/nope.sh: can't open '/nope.sh': No such file or directory\n"), (0, "exit 127")]),
        (("echo", "it's", "$HOME"), [(0, "it's $HOME\n"), (0, "exit 0")]),
    ],
)
def test_command_line_starts(argv: tuple[str, ...], told: list[tuple[float, str]]) -> None:
    assert story(argv) == told


@pytest.mark.parametrize(
    ("script", "err", "code"),
    [
        ("python app.py", "sh: python: not found\n", 127),
        ("/app/server --port 80", "sh: /app/server: not found\n", 127),
        ("foo || exit 4", "sh: foo: not found\n", 4),
        ("cat /nope", "cat: can't open '/nope': No such file or directory\n", 1),
        ("rm /nope", "rm: can't remove '/nope': No such file or directory\n", 1),
        ("rm -f /nope", "", 0),
        ("ls /nope", "ls: /nope: No such file or directory\n", 1),
        ("mkdir /a/b", "mkdir: can't create directory '/a/b': No such file or directory\n", 1),
        ("cd /nope", "cd: can't cd to /nope: No such file or directory\n", 2),
        ("echo x > /nope/file", "sh: can't create /nope/file: nonexistent directory\n", 1),
        ("cat < /nope", "sh: can't open /nope: no such file\n", 1),
        ("if true", 'sh: syntax error: unexpected "end of file" (expecting "then")\n', 2),
        ("echo )", 'sh: syntax error: unexpected ")"\n', 2),
        ("echo 'a", "sh: syntax error: unterminated quoted string\n", 2),
        ("echo $((1/0)); echo no", "sh: divide by zero\n", 2),
        ("echo ${X:?must be set}; echo no", "sh: X: must be set\n", 2),
        ("set -u; echo $NOPE", "sh: NOPE: parameter not set\n", 2),
        ("sleep abc", "sleep: invalid number 'abc'\n", 1),
        ("[ 1 -eq x ]", "[: x: bad number\n", 2),
        ("f() { f; }; f", "sh: f: maximum function nesting level exceeded\n", 2),
        ("kill 77", "kill: can't kill pid 77: No such process\n", 1),
        ("echo e >&2; exit 9", "e\n", 9),
        ("set -x; true a", "+ true a\n", 0),
    ],
)
def test_script_complains_and_fails(script: str, err: str, code: int) -> None:
    assert outcome(script) == ("", err, code)


ABSURD = [
    "(" * 5000,
    "$(" * 5000,
    "`" * 999,
    "${a:-" * 900,
    "echo $((" + "(" * 3000 + "))",
    "if " * 3000,
    "{ " * 3000,
    "if :; then :; el" * 3000,
]


@pytest.mark.parametrize("script", ABSURD)
def test_absurd_scripts_are_syntax_errors(script: str) -> None:
    _, err, code = outcome(script)
    assert code == 2
    assert err.startswith("sh: ")


def test_long_scripts_are_no_absurd_ones() -> None:
    assert outcome(" && ".join(["true"] * 3000) + " && echo end") == ("end\n", "", 0)
    assert outcome("true | " * 300 + "echo end") == ("end\n", "", 0)
    assert outcome("x=1\n" * 3000 + "echo $x") == ("1\n", "", 0)


def test_time_passes_only_in_sleep() -> None:
    script = 'i=0; while [ $i -lt 3 ]; do echo "$i: $(date +%s)"; i=$((i+1)); sleep 1; done'
    assert story(script) == [(0, "0: 0\n"), (1, "1: 1\n"), (2, "2: 2\n"), (3, "exit 0")]


@pytest.mark.parametrize(("words", "seconds"), [("0.5", 0.5), ("2m", 120), ("1h", 3600), ("1 2", 3), ("5s", 5)])
def test_sleep_takes(words: str, seconds: float) -> None:
    assert story(f"sleep {words}", until=5000) == [(seconds, "exit 0")]


def test_background_jobs_run_side_by_side() -> None:
    assert story("sleep 2 & sleep 5 & wait; echo done") == [(5, "done\n"), (5, "exit 0")]
    assert story("(sleep 1; echo late) & echo early; wait $!; echo $?") == [(0, "early\n"), (1, "late\n0\n"), (1, "exit 0")]
    assert story("(sleep 1; exit 4) & wait $!; echo $?") == [(1, "4\n"), (1, "exit 0")]


def test_container_ends_with_its_first_process() -> None:
    assert story("sleep 100 & echo gone") == [(0, "gone\n"), (0, "exit 0")]


def test_substitution_may_sleep() -> None:
    assert story("x=$(echo a; sleep 3; echo b); echo [$x]") == [(3, "[a b]\n"), (3, "exit 0")]


@pytest.mark.parametrize(
    ("script", "told"),
    [
        # A trap runs at once while the shell waits, and only after the foreground command otherwise.
        ("trap 'echo got; exit 0' TERM; sleep 100 & wait $!; echo after", [(3, "got\n"), (3, "exit 0")]),
        ("trap 'echo got' TERM; sleep 100 & wait $!; echo after $?", [(3, "got\nafter 143\n"), (3, "exit 0")]),
        ("trap 'echo got; exit 5' SIGTERM; while true; do sleep 10; done", [(10, "got\n"), (10, "exit 5")]),
        # Process 1 without a handler does not get the signal at all.
        ("sleep 20", [(20, "exit 0")]),
        ("exec sleep 20", [(20, "exit 0")]),
        ("trap '' TERM; sleep 20 & wait", [(20, "exit 0")]),
        ("trap 'exit 1' TERM; trap - TERM; sleep 20", [(20, "exit 0")]),
        # exec replaces the shell, and its traps with it.
        ("trap 'exit 9' TERM; exec sleep 20", [(20, "exit 0")]),
    ],
)
def test_term_after_three_seconds(script: str, told: list[tuple[float, str]]) -> None:
    assert story(script, signals={3: "TERM"}) == told


def test_endless_computing_does_not_hang_the_lab() -> None:
    assert story("while :; do :; done", until=600) == [(600, "running")]
    assert story("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo $i", until=600)[0][1] == "20000\n"


def test_waiting_for_a_service() -> None:
    # kubernetes.io: Init Containers, myapp-pod
    world = FakeWorld()
    lines = story("until nslookup myservice >/dev/null; do echo waiting for myservice; sleep 2; done", world=world, until=5)
    assert lines == [(at, "waiting for myservice\n") for at in (0, 2, 4)] + [(5, "running")]
    world.names["myservice"] = "10.96.0.7"
    assert story("until nslookup myservice >/dev/null; do sleep 2; done", world=world) == [(0, "exit 0")]


@pytest.mark.parametrize(
    ("script", "out", "err", "code"),
    [
        ("nslookup db", "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\nName:\tdb\nAddress: 10.1.1.1\n\n", "", 0),
        ("wget -q -O- http://db:80/", "hello\n", "", 0),
        ("wget -qO /tmp/i http://db/ && cat /tmp/i", "hello\n", "", 0),
        ("wget -q -O - http://nope/", "", "wget: bad address 'nope'\n", 1),
        ("wget --spider http://db:81", "", "wget: can't connect to remote host (10.1.1.1): Connection refused\n", 1),
        ("wget -qO- db/missing", "", "wget: server returned error: HTTP/1.1 404\n", 1),
        ("curl -s http://db/", "hello\n", "", 0),
        ("curl -sf db/missing || echo $?", "22\n", "", 0),
        ("curl -s nope || echo $?", "6\n", "", 0),
        ("curl -s -o /dev/null -w '%{http_code}' db/missing", "404", "", 0),
        ("curl http://db:9", "", "curl: (7) Failed to connect to db port 9: Connection refused\n", 7),
        ("nc -z db 80 && echo open", "open\n", "", 0),
        ("nc -z db 81 || echo closed", "closed\n", "nc: can't connect to remote host (10.1.1.1): Connection refused\n", 0),
    ],
)
def test_network_commands(script: str, out: str, err: str, code: int) -> None:
    pages = {"db:80/": HttpAnswer(200, "hello\n"), "db:80/missing": HttpAnswer(404, "no\n")}
    assert outcome(script, world=FakeWorld({"db": "10.1.1.1"}, pages)) == (out, err, code)


def test_tail_follows_a_file() -> None:
    script = "touch /tmp/l; tail -n+1 -F /tmp/l & sleep 1.5; echo a >> /tmp/l; sleep 3; exit"
    assert story(script) == [(2, "a\n"), (4.5, "exit 0")]
    assert story("tail -f /dev/null", until=9) == [(9, "running")]


def test_mounted_volume_is_read_and_written() -> None:
    world = FakeWorld()
    world.contents["config"] = {"app.conf": "k=v\n"}
    mounts = (Mount("/etc/app", "config", readonly=True), Mount("/data", "pv", sub_path="web"))
    out, err, code = outcome(
        "cat /etc/app/app.conf; ls /etc/app; echo x > /data/f; cat /data/f; touch /etc/app/y", world=world, mounts=mounts
    )
    assert (out, code) == ("k=v\napp.conf\nx\n", 1)
    assert err == "touch: /etc/app/y: Read-only file system\n"
