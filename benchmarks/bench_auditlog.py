"""Reading audit logs: ``scan`` and ``read`` beside DuckDB alone, in one run, on logs made by a seed from real events (DESIGN section 8).

Each measurement runs in a process of its own, in turn, and the best of three counts: the file is in the page cache for all of them. DuckDB alone
loads the same fields of the same file into the same kind of database, and answers one question straight from the file.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import keep

REAL = Path(__file__).resolve().parents[1] / "tests" / "data" / "auditlog" / "reading.jsonl"
SMALL, LARGE, TIMES = 100, 580, 3
QUESTION = "SELECT username, verb, count(*) AS calls FROM calls GROUP BY ALL ORDER BY calls DESC"


def make(path: Path, megabytes: int, seed: int) -> None:
    """A log of real events under new IDs; the two stages of a watch keep a common one."""
    events = [json.loads(line) for line in REAL.read_text(encoding="utf-8").splitlines()]
    lines = [json.dumps(event, separators=(",", ":")) for event in events if len(json.dumps(event)) < 1600]
    chance, written, batch = random.Random(seed), 0, 0
    with path.open("w", encoding="utf-8") as out:
        while written < megabytes * 1_000_000:
            batch += 1
            mark = f'"auditID":"{chance.getrandbits(32):08x}-{batch:06x}-'
            text = "\n".join(line.replace('"auditID":"', mark) for line in lines) + "\n"
            written += out.write(text)


def timed(what: str, path: str) -> dict[str, float]:
    """One measurement, in this process."""
    import resource

    import duckdb

    import kubelab as kl
    from kubelab.auditlog.events import EVENT, structure

    read_or_scan = {"scan": kl.auditlog.scan, "read": kl.auditlog.read}  # imported before the clock starts
    columns = "{" + ", ".join(f"'{name}': '{structure(kind)}'" for name, kind in EVENT.items()) + "}"
    lines = f"read_json('{path}', format='newline_delimited', columns={columns})"
    begun, used = time.perf_counter(), time.process_time()
    if what in read_or_scan:
        log = read_or_scan[what](path)
        if what == "scan":
            log.sql(QUESTION)
        else:
            log.calls()
    else:
        with tempfile.TemporaryDirectory() as folder:
            con = duckdb.connect(f"{folder}/x.duckdb")
            con.execute("SET memory_limit = '300MB'; SET preserve_insertion_order = false")
            if what == "engine loads":
                con.execute(f"CREATE TABLE events AS SELECT * FROM {lines}")
            else:
                con.execute(f"SELECT user.username, verb, count(*) FROM {lines} GROUP BY ALL").df()
    taken = {"seconds": time.perf_counter() - begun, "cpu_seconds": time.process_time() - used}
    return {**taken, "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def best(what: str, path: Path) -> dict[str, float]:
    found = []
    for _ in range(TIMES):
        done = subprocess.run([sys.executable, __file__, what, str(path)], check=True, capture_output=True, text=True)
        found.append(json.loads(done.stdout))
    return min(found, key=lambda each: each["seconds"])


def main() -> int:
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        for megabytes in (SMALL, LARGE):
            path = Path(folder) / f"audit-{megabytes}.log"
            make(path, megabytes, seed=megabytes)
            size = path.stat().st_size / 1e6
            for what in ("scan", "engine loads", "engine answers", *(["read"] if megabytes == SMALL else [])):
                found = best(what, path)
                figures[f"{what} {megabytes}"] = {**found, "megabytes_per_second": size / found["seconds"]}
                print(
                    f"{megabytes:4} MB  {what:16} {found['seconds']:6.2f} s  {size / found['seconds']:6.0f} MB/s  peak {found['peak_megabytes']:5.0f} MB"
                )
    keep("auditlog", figures)
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 2:
        print(json.dumps(timed(sys.argv[1], sys.argv[2])))
        sys.exit(0)
    sys.exit(main())
