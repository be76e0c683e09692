"""Asks DuckDB what the store's bench asked, of the same spans, and says how many times as long each way took.

`analytics.py STORE BENCH`: a store that the bench has left, and what the bench has printed. CPU time of all threads,
medians of seven. DuckDB must have found all of the spans and of the money.
"""

import csv
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

import duckdb

COLUMNS = "session, kind, status, name, agent, model, start, end, input, output, cost"
QUESTION = """
    SELECT start // 86400000000000 AS day, model, count(*), sum(cost), sum(input),
        quantile_cont("end" - start, [0.5, 0.95, 0.99])
    FROM span WHERE model IS NOT NULL GROUP BY ALL
"""


def loaded(store: str) -> duckdb.DuckDBPyConnection:
    """The narrow columns of all spans, in memory."""
    columns = ", ".join(f'"{name}" BIGINT' for name in COLUMNS.split(", "))
    ours = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    theirs = duckdb.connect()
    theirs.execute(f"CREATE TABLE span ({columns})")
    with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="") as file:
        csv.writer(file).writerows(ours.execute(f"SELECT {COLUMNS} FROM span"))
        file.flush()
        theirs.execute(f"COPY span FROM '{file.name}' (HEADER false)")
    return theirs


def took(ask) -> float:
    """CPU milliseconds, the median of seven."""
    figures = []
    for _ in range(7):
        before = time.process_time()
        ask()
        figures.append((time.process_time() - before) * 1e3)
    return statistics.median(figures)


def main() -> None:
    store, printed = sys.argv[1:]
    said = re.search(r"CPU ms: sums of \d+ days ([\d.]+), by a look at every span ([\d.]+)", Path(printed).read_text())
    if said is None:
        sys.exit("the bench has not said how long its sums took")
    kept, scanned = map(float, said.groups())
    theirs = loaded(store)
    rows = theirs.execute(QUESTION).fetchall()
    found = (sum(row[2] for row in rows), sum(row[3] or 0 for row in rows))
    there = sqlite3.connect(store).execute("SELECT count(*), sum(cost) FROM span WHERE model IS NOT NULL").fetchone()
    exact = took(lambda: theirs.execute(QUESTION).fetchall())
    print(f"DuckDB {duckdb.__version__}, exact percentiles of {len(rows)} groups: {exact:.1f} ms CPU")
    failed = found != there
    if failed:
        print(f"DuckDB finds {found} calls and nano-USD, the store has {there}")
    for what, ours, target in [("sums that are kept", kept, 0.2), ("a look at every span", scanned, 5.0)]:
        ratio = ours / exact
        verdict = "" if ratio <= target else "  MISSED"
        print(f"{what + ' / DuckDB':<62} {ratio:>10.4f}  (at most {target}){verdict}")
    sys.exit(failed)


main()
