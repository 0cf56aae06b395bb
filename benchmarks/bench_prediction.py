"""Prediction beside measurement: every row of a real control plane's table, by the preset ``real-1.20-2cpu`` (DESIGN section 8).

No wall time is measured here: the figures are virtual seconds, the same on every machine.
"""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd
from figures import PAGE, keep

from kubelab.frames import prediction

SEEDS = range(1, 10)
REACH = 0.1
BEGIN, END = "<!-- predictions: written by ./lab bench prediction -->", "<!-- end of predictions -->"


def main() -> int:
    table = prediction.table(seeds=SEEDS)
    rows = [
        {
            **{name: row[name] for name in ("what", "limits")},
            "pods": int(row["pods"]),
            **{name: round(float(row[name]), 3) for name in ("measured", "predicted", "least", "most", "error")},
        }
        for row in table.to_dict("records")
    ]
    print(pd.DataFrame(rows).to_string(index=False))
    keep("prediction", {"rows": rows, "seeds": len(SEEDS)})
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{page(rows)}{END}{rest.partition(END)[2]}", encoding="utf-8")
    return 0


def page(rows: list[dict[str, Any]]) -> str:
    """The table as Markdown: a line for each row, with the spread over the seeds and the error."""
    lines = ["| what | pods | client limits | measured s | predicted s | seeds from … to | error | |", "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        spread = f"{row['least']:.2f} … {row['most']:.2f}"
        verdict = "within 5 %" if abs(row["error"]) <= REACH / 2 else "within 10 %" if abs(row["error"]) <= REACH else "**not reached**"
        figures = f"{row['measured']:.2f} | {row['predicted']:.2f} | {spread} | {100 * row['error']:+.0f} %"
        lines.append(f"| {row['what']} | {row['pods']} | {row['limits']} | {figures} | {verdict} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
