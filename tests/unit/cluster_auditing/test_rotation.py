"""Files that are set aside.

upstream: gopkg.in/natefinch/lumberjack.v2 lumberjack_test.go (TestAutoRotate, TestMaxBackups, TestMaxAge, TestCompressOnRotate, TestTimeFromName …).
"""

from __future__ import annotations

import gzip
import stat
from pathlib import Path

import pytest

from kubelab.cluster.auditing import rotation
from kubelab.cluster.auditing.rotation import RotatingFile, TooLong
from kubelab.world.clock import MILLISECOND, SECOND, parse_rfc3339

NOW = parse_rfc3339("2026-01-02T15:04:05Z") + 250 * MILLISECOND
DAY = 86400 * SECOND


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """upstream's tests do the same: a megabyte is ten bytes."""
    monkeypatch.setattr(rotation, "MEGABYTE", 10)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(file: RotatingFile, *lines: bytes, at_ns: int = NOW) -> None:
    for line in lines:
        file.write(line, at_ns)
    file.sync()


def test_a_line_that_would_pass_the_limit_goes_into_a_new_file(tmp_path: Path):
    file = RotatingFile(tmp_path / "audit.log", 1)
    write(file, b"boo!\n", b"1234\n")
    assert (tmp_path / "audit.log").read_bytes() == b"boo!\n1234\n"  # the limit itself is allowed
    write(file, b"f\n")
    assert names(tmp_path) == ["audit-2026-01-02T15-04-05.250.log", "audit.log"]
    assert (tmp_path / "audit.log").read_bytes() == b"f\n"
    assert (tmp_path / "audit-2026-01-02T15-04-05.250.log").read_bytes() == b"boo!\n1234\n"


def test_a_line_longer_than_a_file_is_an_error(tmp_path: Path):
    file = RotatingFile(tmp_path / "audit.log", 1)
    with pytest.raises(TooLong, match="^write length 11 exceeds maximum file size 10$"):
        file.write(b"booooooooo\n", NOW)
    assert names(tmp_path) == ["audit.log"]


def test_an_old_file_is_gone_on_with_unless_it_would_reach_the_limit(tmp_path: Path):
    """upstream: TestOpenExisting, TestFirstWriteRotate"""
    path = tmp_path / "audit.log"
    path.write_bytes(b"foo!\n")
    file = RotatingFile(path, 1)
    write(file, b"boo\n")
    file.close()
    assert path.read_bytes() == b"foo!\nboo\n"
    again = RotatingFile(path, 1)
    write(again, b"\n")  # 9 + 1 reach the limit, which only the first write minds
    assert path.read_bytes() == b"\n" and len(names(tmp_path)) == 2


def test_so_many_are_kept(tmp_path: Path):
    file = RotatingFile(tmp_path / "audit.log", 1, max_backups=2)
    (tmp_path / "audit-other.log").touch()
    (tmp_path / "audit-2026-13-02T15-04-05.250.log").touch()
    for step in range(5):
        write(file, b"12345678\n", at_ns=NOW + step * SECOND)
    assert names(tmp_path) == [
        "audit-2026-01-02T15-04-08.250.log",
        "audit-2026-01-02T15-04-09.250.log",
        "audit-2026-13-02T15-04-05.250.log",
        "audit-other.log",
        "audit.log",
    ]


def test_the_age_is_what_the_name_says(tmp_path: Path):
    for stamp in ("2025-12-30T15-04-05.000", "2026-01-02T15-04-04.000"):
        (tmp_path / f"audit-{stamp}.log").touch()
    file = RotatingFile(tmp_path / "audit.log", 1, max_age=1)
    write(file, b"1\n")
    assert names(tmp_path) == ["audit-2026-01-02T15-04-04.000.log", "audit.log"]
    write(file, b"123456789\n", at_ns=NOW + DAY)
    assert names(tmp_path) == ["audit-2026-01-03T15-04-05.250.log", "audit.log"]


def test_what_is_set_aside_is_packed(tmp_path: Path):
    file = RotatingFile(tmp_path / "audit.log", 1, max_backups=1, compress=True)
    for step in range(3):
        write(file, b"1234567%d\n" % step, at_ns=NOW + step * SECOND)
    assert names(tmp_path) == ["audit-2026-01-02T15-04-07.250.log.gz", "audit.log"]
    assert gzip.decompress((tmp_path / "audit-2026-01-02T15-04-07.250.log.gz").read_bytes()) == b"12345671\n"


def test_two_rotations_in_one_millisecond_lose_nothing(tmp_path: Path):
    file = RotatingFile(tmp_path / "audit", 1)
    write(file, b"11111111\n", b"22222222\n", b"33333333\n")
    assert names(tmp_path) == ["audit", "audit-2026-01-02T15-04-05.250", "audit-2026-01-02T15-04-05.251"]


def test_the_new_file_has_the_mode_of_the_old_one(tmp_path: Path):
    path = tmp_path / "audit.log"
    path.touch(mode=0o644)
    path.chmod(0o644)
    file = RotatingFile(path, 1, compress=True)
    write(file, b"12345678\n", b"12345678\n")
    assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()} == {0o644}


def test_size_zero_is_a_hundred(tmp_path: Path):
    file = RotatingFile(tmp_path / "audit.log")
    write(file, b"x" * 1000)
    with pytest.raises(TooLong):
        file.write(b"x" * 1001, NOW)


def test_a_folder_that_has_gone_is_made_again(tmp_path: Path):
    file = RotatingFile(tmp_path / "logs" / "audit.log", 1)
    (tmp_path / "logs" / "audit.log").unlink()
    (tmp_path / "logs").rmdir()
    write(file, b"1\n")
    assert (tmp_path / "logs" / "audit.log").read_bytes() == b"1\n"
