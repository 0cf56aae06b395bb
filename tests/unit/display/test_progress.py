"""The progress bar: only for long runs, and only where somebody sees it."""

import io

import pytest

from kubelab.display.progress import Progress, TextBar


class Wall:
    """A clock on the wall that the test moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Seen:
    """A bar that remembers what it was told."""

    def __init__(self):
        self.shown = []
        self.closed = False

    def show(self, share, words):
        self.shown.append((share, words))

    def close(self):
        self.closed = True


@pytest.fixture
def wall():
    return Wall()


def test_a_short_run_shows_nothing(wall):
    bar = Seen()
    with Progress(0, 10, wall=wall, make=lambda: bar) as progress:
        wall.now = 0.9
        progress.show(5)
    assert bar.shown == [] and not bar.closed


def test_a_long_run_shows_its_share_and_goes_away(wall):
    bar = Seen()
    with Progress(10, 30, wall=wall, make=lambda: bar) as progress:
        wall.now = 1.1
        progress.show(15)
        progress.show(40, "3 pods to go")
    assert bar.shown == [(0.25, "15.0 s of 30.0 s"), (1.0, "40.0 s of 30.0 s, 3 pods to go")]
    assert bar.closed


def test_a_run_without_a_known_end_tells_the_time(wall):
    bar = Seen()
    progress = Progress(0, None, wall=wall, make=lambda: bar)
    wall.now = 2
    progress.show(1234.5)
    assert bar.shown == [(None, "1,234.5 s")]


def test_where_nobody_looks_nothing_is_made_again_and_again(wall):
    made = []
    progress = Progress(0, 1, wall=wall, make=lambda: made.append(1))
    wall.now = 2
    progress.show(0.5)
    progress.show(0.6)
    progress.close()
    assert made == [1]


def test_a_line_in_a_terminal_is_written_over_and_wiped():
    stream = io.StringIO()
    bar = TextBar(stream)
    bar.show(0.5, "5.0 s of 10.0 s")
    bar.show(1.0, "done")
    bar.close()
    first, second, wiped, last = stream.getvalue().split("\r")[1:]
    assert first == f"[{'#' * 15}{' ' * 15}] 5.0 s of 10.0 s"
    assert second.rstrip() == f"[{'#' * 30}] done"
    assert len(second) == len(first) and wiped.strip() == last == ""
