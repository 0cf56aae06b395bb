"""As whom a container runs: `id`, `whoami`.

Upstream: busybox coreutils/id.c; the names are those of busybox's /etc/passwd and /etc/group.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kubelab.cri.shell.call import Call

USERS = {0: "root", 1: "daemon", 2: "bin", 3: "sys", 4: "sync", 8: "mail", 33: "www-data", 37: "operator", 65534: "nobody"}
GROUPS = {
    0: "root", 1: "daemon", 2: "bin", 3: "sys", 4: "adm", 5: "tty", 6: "disk", 7: "lp", 8: "mail", 9: "kmem", 10: "wheel", 11: "cdrom",
    18: "dialout", 19: "floppy", 28: "video", 29: "audio", 32: "tape", 33: "www-data", 37: "operator", 43: "utmp", 46: "plugdev",
    50: "staff", 54: "lock", 82: "netdev", 100: "users", 65534: "nobody",
}  # fmt: skip
ROOT = (0, 0, 10)  # of an image that names nobody: its user, group and further groups
_OWN_GROUP = {4: 100}  # the others' groups have their users' numbers


def group_of(uid: int) -> int:
    """The group that /etc/passwd gives a user; 0 for those that do not stand there."""
    return _OWN_GROUP.get(uid, uid if uid in USERS else 0)


def identity(user: str | int | None, group: int | None, more: Sequence[int]) -> tuple[int, ...]:
    """User, group and further groups of a process as a runtime sets them; empty where nothing is named. Raises ValueError.

    upstream: containerd internal/cri/server generateUserString, oci.WithUser, WithAdditionalGIDs: the group of /etc/passwd where none is named,
    the main group among the further ones.
    """
    if user is None and group is None and not more:
        return ()
    if isinstance(user, str):
        found = next((number for number, name in USERS.items() if name == user), None)
        if found is None:
            raise ValueError(f"unable to find user {user}: no matching entries in passwd file")
        user = found
    uid = user or 0
    gid = group_of(uid) if group is None else group
    return (uid, gid, *sorted({gid, *more, *(ROOT[2:] if uid == 0 else ())}))


def id_(call: Call) -> int:
    """`id [-u | -g | -G] [-n]`."""
    flags = call.flags("ugGnr")
    user, group, *more = call.machine.state.user or ROOT
    groups = sorted({group, *more})
    names = {"u": (USERS, [user]), "g": (GROUPS, [group]), "G": (GROUPS, groups)}
    for flag, (known, numbers) in names.items():
        if flag in flags:
            call.out(" ".join(known.get(number, str(number)) if "n" in flags else str(number) for number in numbers) + "\n")
            return 0
    listed = ",".join(_named(GROUPS, number) for number in groups)
    call.out(f"uid={_named(USERS, user)} gid={_named(GROUPS, group)} groups={listed}\n")
    return 0


def whoami(call: Call) -> int:
    """`whoami`."""
    user = (call.machine.state.user or ROOT)[0]
    if user not in USERS:
        return call.fail(f"unknown uid {user}")
    call.out(f"{USERS[user]}\n")
    return 0


def _named(names: dict[int, str], number: int) -> str:
    return f"{number}({names[number]})" if number in names else str(number)


WHO: dict[str, Callable[[Call], int | None]] = {"id": id_, "whoami": whoami}
