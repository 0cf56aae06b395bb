"""The course of an epoch: what its containers have got at any instant, worked out cell by cell as far as somebody asks.

spec: cri-metrics.md section 6, points 2 to 4. Recomputed from the epoch alone at any time: the same instant gives the same integers, whoever asked for
what before. The latest cells are kept, of earlier ones some from which the walk can begin again.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, NamedTuple

from kubelab.cri.usage.curves import Profile, profile
from kubelab.cri.usage.epoch import Epoch, share
from kubelab.cri.usage.gains import Gains, all_free
from kubelab.cri.usage.sharing import Sharing
from kubelab.cri.usage.tree import Branch, tree_of
from kubelab.cri.usage.wants import Cell, Wants

CELLS_KEPT = 64
MARKS_KEPT = 256
ASKED_KEPT = 16
ALIKE_CELLS_KEPT = 1024
COURSES_KEPT, ALIKE_KEPT = 64, 4

Gained = tuple[int, int, int]  # nanocores × ns served, ns over the quota, ns held back


class Quota(NamedTuple):
    """Of a container with a quota: since when it is not held back by neighbours (−1: it is), and its totals before."""

    since_ns: int
    over: int = 0
    held: int = 0


class Moment(NamedTuple):
    """At the start of a cell: what each leaf has got, who was held back just before, quotas by leaf."""

    cell: Cell
    gains: Gains
    held: list[list[bool]]
    quotas: dict[int, Quota]


class Walker:
    """Walks from cell to cell."""

    __slots__ = ("tree", "capacity", "profiles", "capped", "nobody", "wants", "moment", "alike")

    def __init__(self, epoch: Epoch) -> None:
        leaves = epoch.leaves
        self.tree = tree_of(epoch)
        self.capacity = epoch.capacity
        self.capped = [number for number, branch in enumerate(self.tree) if branch.cap]
        self.profiles: list[tuple[Profile, int]] = [(profile(leaf.run.curve, leaf.cap, epoch.cores), leaf.run.from_ns) for leaf in leaves]
        self.wants = Wants(leaves, epoch.cores, epoch.from_ns)
        quotas = {number: Quota(epoch.from_ns) for number, leaf in enumerate(leaves) if leaf.cap}
        self.alike: dict[tuple[int, ...], tuple[list[list[bool]], Sharing]] = {}
        self.nobody = [[False] * len(branch.weights) for branch in self.tree]
        self.moment = Moment(self._cell(), all_free(self.tree, self.wants), self.nobody, quotas)

    def copy(self) -> Walker:
        other = Walker.__new__(Walker)
        for name in ("tree", "capacity", "profiles", "capped", "nobody", "moment", "alike"):
            setattr(other, name, getattr(self, name))
        other.wants = self.wants.copy()
        return other

    def _cell(self) -> Cell:
        """The cell that begins now; it ends where the wants of a pod cross the pod's quota."""
        cell = self.wants.cell()
        if not self.capped or cell.is_last or cell.starts == cell.ends:
            return cell
        at = min((x for number in self.capped if (x := _bent(self.tree[number], cell))), default=0)
        if not at:
            return cell
        to_ns = cell.from_ns + at
        return cell._replace(to_ns=to_ns, ends=self.wants.spread(self.wants.until(to_ns)))

    def step(self) -> None:
        """To the next cell."""
        moment = self.moment
        cell, held, quotas = moment.cell, moment.held, moment.quotas
        span = cell.to_ns - cell.from_ns
        if self._is_easy(moment):
            gains = moment.gains.served(cell)
        else:
            sharing = self._sharing(cell, held)
            sharing.run(span)
            gains, given = moment.gains.shared(sharing, self.wants)
            if given > 2 * self.capacity * span:
                gains = gains.told(self._paid(sharing, moment, span), cell.to_ns)
            held = [level.held for level in sharing.levels]
            quotas = self._quotas(quotas, sharing, cell.from_ns)
        self.wants.go(cell.to_ns)
        self.moment = Moment(self._cell(), gains.turned(self.wants), held, quotas)

    def _sharing(self, cell: Cell, held: list[list[bool]]) -> Sharing:
        """Of a cell. Wants that only jump come back again and again: then so does who is held back, if the same were before."""
        if not cell.is_fresh or cell.starts is not cell.ends:
            return Sharing(self.tree, self.capacity, cell, held)
        before, known = self.alike.get(cell.starts, ([], None))
        if known is not None and before == held:
            known.go(cell)
            return known
        if len(self.alike) >= ALIKE_CELLS_KEPT:
            del self.alike[next(iter(self.alike))]
        found = Sharing(self.tree, self.capacity, cell, held)
        self.alike[cell.starts] = held, found
        return found

    def _paid(self, sharing: Sharing, moment: Moment, x: int) -> list[int]:
        """Gains up to an instant of a cell, never more than there is: where rounding has put a child on the wrong side, all pay for it."""
        before = moment.gains.by_leaf(moment.cell.from_ns)
        gains = sharing.gains(before, x)
        known, most = sum(before), 2 * self.capacity * x
        given = sum(gains) - known
        return gains if given <= most else [known + (after - known) * most // given for known, after in zip(before, gains, strict=True)]

    def _is_easy(self, moment: Moment) -> bool:
        """Whether there is enough for all in a whole cell."""
        if self.capped or moment.held != self.nobody:
            return False
        return sum(moment.cell.starts) <= self.capacity and sum(moment.cell.ends) <= self.capacity

    def _quotas(self, known: dict[int, Quota], sharing: Sharing, from_ns: int) -> dict[int, Quota]:
        if not known or not sharing.flips:
            return known
        out = known
        for flip in sharing.flips:
            before = out.get(flip.leaf)
            if before is None:
                continue
            if out is known:
                out = dict(known)
            at_ns = from_ns + flip.x
            out[flip.leaf] = self.throttled(flip.leaf, before, at_ns)._replace(since_ns=-1 if flip.is_held else at_ns)
        return out

    def throttled(self, leaf: int, quota: Quota, t_ns: int) -> Quota:
        """The totals at an instant."""
        if quota.since_ns < 0:
            return quota
        found, origin = self.profiles[leaf]
        begin, end = found.to(quota.since_ns - origin), found.to(t_ns - origin)
        return Quota(t_ns, quota.over + end.over - begin.over, quota.held + end.held - begin.held)

    def at(self, moment: Moment, t_ns: int) -> list[Gained]:
        """All leaves' gains at an instant of a cell."""
        cell, quotas = moment.cell, moment.quotas
        x = t_ns - cell.from_ns
        if x <= 0:
            gains = moment.gains.by_leaf(cell.from_ns)
        else:
            sharing = Sharing(self.tree, self.capacity, cell._replace(to_ns=t_ns) if cell.is_last else cell, moment.held)
            sharing.run(x)
            gains = self._paid(sharing, moment, x)
            quotas = self._quotas(quotas, sharing, cell.from_ns)
        out: list[Gained] = [(gain // 2, 0, 0) for gain in gains]
        for leaf, quota in quotas.items():
            found = self.throttled(leaf, quota, t_ns)
            out[leaf] = (out[leaf][0], found.over, found.held)
        return out


def _bent(branch: Branch, cell: Cell) -> int:
    """Where the wants in a pod cross its quota; 0: nowhere within the cell. Lines are cut in whole nanocores, so a few are no crossing."""
    first, last, span = sum(branch.pick(cell.starts)), sum(branch.pick(cell.ends)), cell.to_ns - cell.from_ns
    blur = 2 * len(branch.leaves) + 2
    if (first < branch.cap) == (last < branch.cap) or abs(first - branch.cap) <= blur or abs(last - branch.cap) <= blur:
        return 0
    at = (branch.cap - first) * span // (last - first) + (1 if last > first else 0)
    return at if 1 < at < span - 1 else 0


class Course:
    """What has been worked out of an epoch so far."""

    __slots__ = ("epoch", "index", "profiles", "walker", "moments", "starts", "marks", "mark_starts", "again", "asked", "rated", "count")

    def __init__(self, epoch: Epoch) -> None:
        self.epoch = epoch
        self.index = {leaf.id: number for number, leaf in enumerate(epoch.leaves)}
        self.walker = Walker(epoch)
        self.profiles = self.walker.profiles
        self.moments: list[Moment] = []
        self.starts: list[int] = []
        self.marks: list[Walker] = [self.walker.copy()]
        self.mark_starts = [epoch.from_ns]
        self.again: Course | None = None
        self.asked: dict[int, list[Gained]] = {}
        self.rated: dict[int, list[int]] = {}
        self.count = 0

    def gains(self, t_ns: int) -> list[Gained]:
        """What each leaf has got from the epoch's start to an instant."""
        found = self.asked.get(t_ns)
        if found is None:
            if len(self.asked) >= ASKED_KEPT:
                del self.asked[next(iter(self.asked))]
            found = self.asked[t_ns] = self._at(t_ns)
        return found

    def rates(self, t_ns: int) -> list[int]:
        """What each leaf gets at an instant, in nanocores."""
        found = self.rated.get(t_ns)
        if found is None:
            if len(self.rated) >= ASKED_KEPT:
                del self.rated[next(iter(self.rated))]
            wants = [found.rate(t_ns - origin) for found, origin in self.profiles]
            found = self.rated[t_ns] = share(self.epoch, wants, 1).grants
        return found

    def _at(self, t_ns: int) -> list[Gained]:
        walker = self.walker
        while not walker.moment.cell.is_last and walker.moment.cell.to_ns <= t_ns:
            self._keep(walker)
            walker.step()
        if t_ns >= walker.moment.cell.from_ns:
            return walker.at(walker.moment, t_ns)
        number = bisect_right(self.starts, t_ns) - 1
        return walker.at(self.moments[number], t_ns) if number >= 0 else self._once_more(t_ns)

    def _keep(self, walker: Walker) -> None:
        """The latest cells, and now and then the walker as it is, more seldom the longer ago."""
        self.moments.append(walker.moment)
        self.starts.append(walker.moment.cell.from_ns)
        self.count += 1
        if len(self.moments) < 2 * CELLS_KEPT:
            return
        del self.moments[:CELLS_KEPT], self.starts[:CELLS_KEPT]
        if self.mark_starts[-1] < walker.moment.cell.from_ns:
            self.marks.append(walker.copy())
            self.mark_starts.append(walker.moment.cell.from_ns)
        if len(self.marks) > MARKS_KEPT:
            self.marks, self.mark_starts = _thinned(self.marks), _thinned(self.mark_starts)

    def _once_more(self, t_ns: int) -> list[Gained]:
        """An instant before those that are kept: walk again from a mark before it."""
        if self.again is None or not self.again.covers(t_ns):
            number = max(0, bisect_right(self.mark_starts, t_ns) - 1)
            again = Course.__new__(Course)
            again.epoch, again.index, again.profiles = self.epoch, self.index, self.profiles
            again.walker = self.marks[number].copy()
            again.moments, again.starts, again.again, again.asked, again.rated, again.count = [], [], None, {}, {}, 0
            again.marks, again.mark_starts = [self.marks[number]], [self.mark_starts[number]]
            self.again = again
        return self.again._at(t_ns)

    def covers(self, t_ns: int) -> bool:
        """Whether it is a short walk to an instant."""
        first = self.starts[0] if self.starts else self.walker.moment.cell.from_ns
        return first <= t_ns and self.count < 8 * CELLS_KEPT


def _thinned(items: list[Any]) -> list[Any]:
    """Half of the older half goes."""
    middle = len(items) // 2
    return items[:middle:2] + items[middle:]


_courses: dict[tuple[int, str], list[Course]] = {}


def course(epoch: Epoch) -> Course:
    """What is worked out of an epoch so far; forks share it, as they share the epoch."""
    key = (epoch.from_ns, epoch.pods[0].leaves[0].id if epoch.pods else "")
    for found in _courses.get(key, ()):
        if found.epoch is epoch:
            return found
    found = Course(epoch)
    _courses[key] = [found, *_courses.pop(key, ())][:ALIKE_KEPT]
    if len(_courses) > COURSES_KEPT:
        del _courses[next(iter(_courses))]
    return found


def gained(epoch: Epoch, leaf_id: str, t_ns: int) -> Gained:
    """What a leaf has got from the epoch's start to an instant."""
    found = course(epoch)
    return found.gains(t_ns)[found.index[leaf_id]]


def rate(epoch: Epoch, leaf_id: str, t_ns: int) -> int:
    """What a leaf gets at an instant, in nanocores."""
    found = course(epoch)
    return found.rates(t_ns)[found.index[leaf_id]]
