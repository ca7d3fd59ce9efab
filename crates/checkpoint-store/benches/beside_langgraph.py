"""Appends of LangGraph's SQLite checkpointer beside ours, in one run and one folder.

    python3 -m venv VENV && VENV/bin/pip install langgraph-checkpoint-sqlite
    VENV/bin/python crates/checkpoint-store/benches/beside_langgraph.py

A bare append with fdatasync and the checkpointer as it comes take turns. Then the benchmark of
checkpoint-store runs, with the same bytes, on the same disk, and with a bare append of its own.
"""

import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

try:
    from langgraph.checkpoint.base import empty_checkpoint
    from langgraph.checkpoint.sqlite import SqliteSaver
except ImportError as error:
    sys.exit(f"nothing is measured: langgraph-checkpoint-sqlite is not installed ({error})")

ROOT = Path(__file__).resolve().parents[3]
APPENDS, WARM, BYTES = 2000, 100, 1000


def saver(path):
    made = SqliteSaver(sqlite3.connect(path, check_same_thread=False))
    made.setup()
    return made


def settings(made):
    pragmas = ["journal_mode", "synchronous"]
    values = [made.conn.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
    return ", ".join(f"{name} {value}" for name, value in zip(pragmas, values))


def put(made, number):
    checkpoint = empty_checkpoint()
    checkpoint["id"] = f"{number:032d}"
    checkpoint["channel_values"] = {"x": "x" * BYTES}
    config = {"configurable": {"thread_id": "appends", "checkpoint_ns": ""}}
    made.put(config, checkpoint, {"source": "loop", "step": number}, {})


def timed(work):
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e6


def main():
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    with tempfile.TemporaryDirectory(dir=target) as folder:
        folder = Path(folder)
        theirs = saver(folder / "langgraph.db")
        print(f"LangGraph's checkpointer: {settings(theirs)}; SQLite {sqlite3.sqlite_version}")
        line = (b'{"x":"' + b"x" * BYTES + b'"}\n')
        bare = os.open(folder / "bare", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

        def append():
            os.write(bare, line)
            os.fdatasync(bare)

        contenders = {
            "bare append and fdatasync, from Python": lambda n: append(),
            "LangGraph's checkpointer": lambda n: put(theirs, n),
        }
        times = {name: [] for name in contenders}
        for number in range(WARM + APPENDS):
            for name, work in contenders.items():
                took = timed(lambda: work(number))
                if number >= WARM:
                    times[name].append(took)
    for name, took in times.items():
        late = statistics.quantiles(took, n=100)[98]
        print(f"{name:40} median {statistics.median(took):8.0f} µs, 99th percentile {late:8.0f} µs")
    sys.stdout.flush()
    subprocess.run(["cargo", "bench", "-q", "-p", "checkpoint-store", "--bench", "appends"], cwd=ROOT, check=True)


main()
