#!/usr/bin/env python3
"""From rows in memory to a stored file, beside `cat`, `gzip -1` and `pigz -1` on the same bytes.

    cargo build --release -p export --example write
    python3 bench/files.py target/release/examples/write [ITEMS] [--tmpfs DIR] [--disk DIR]

Linux, with gzip and pigz. Each line is the best of five runs. What we do is encode typed cells, compress, digest (SHA-256)
and store, on all cores, and sync the file; the others only read the finished CSV from memory (a tmpfs), and `sync` it.
`ratio` is their time divided by ours for the same kind of file.
"""

import argparse
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

RUNS = 5
OURS = [("csv", 1), ("gzip", 1), ("gzip", 2), ("gzip", 6), ("zip", 2)]
DEFAULT_LEVEL = 2


def theirs(threads):
    """Name, kind of file, command from standard input to standard output."""
    yield "cat", "csv", ["cat"]
    yield "gzip -1", "gzip", ["gzip", "-1"]
    yield f"pigz -1 -p {threads}", "gzip", ["pigz", "-1", "-p", str(threads)]


def run_theirs(command, source, target):
    best = None
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.monotonic()
        with open(source, "rb") as stdin, open(target, "wb") as stdout:
            subprocess.run(command, stdin=stdin, stdout=stdout, check=True)
            os.fsync(stdout.fileno())
        seconds = time.monotonic() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if best is None or seconds < best[0]:
            best = (seconds, cpu)
    size = os.path.getsize(target)
    os.remove(target)
    return size, *best


def run_ours(program, source, folder, kind, level, threads):
    # Parts of some MiB, as the engine makes them.
    parts = max(threads, os.path.getsize(source) >> 21)
    command = [program, source, folder, kind, str(level), str(threads), str(parts), str(RUNS)]
    words = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout.split()
    return int(words[2]), float(words[3]), float(words[4])


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program", type=Path)
    arguments.add_argument("items", type=int, nargs="?", default=700_000)
    arguments.add_argument("--tmpfs", type=Path, default=Path("/dev/shm"))
    arguments.add_argument("--disk", type=Path, default=Path("/var/tmp"))
    options = arguments.parse_args()
    threads = os.cpu_count()

    with tempfile.TemporaryDirectory(dir=options.tmpfs) as memory, tempfile.TemporaryDirectory(dir=options.disk) as disk:
        make = Path(__file__).with_name("make_data.py")
        subprocess.run(["python3", make, memory, str(options.items)], check=True, stdout=subprocess.DEVNULL)
        source = Path(memory, "InvoiceItem.csv")
        megabytes = os.path.getsize(source) / 1e6
        print(f"{options.items} items, {megabytes:.0f} MB of CSV, {threads} threads")
        for place, folder in [("tmpfs", memory), ("disk", disk)]:
            print(f"\n{place:20} {'seconds':>8} {'CPU s':>8} {'MB/s':>8} {'size':>8} {'ratio':>8}")
            ours = {}
            for kind, level in OURS:
                size, seconds, cpu = run_ours(options.program, source, folder, kind, level, threads)
                name = kind if kind == "csv" else f"{kind}, level {level}"
                if kind == "csv" or level == DEFAULT_LEVEL:
                    ours[kind] = seconds
                print(f"{name:20} {seconds:8.2f} {cpu:8.2f} {megabytes / seconds:8.0f} {size / megabytes / 1e6:8.3f}")
            for name, kind, command in theirs(threads):
                size, seconds, cpu = run_theirs(command, source, Path(folder, "theirs"))
                rest = f"{size / megabytes / 1e6:8.3f} {seconds / ours[kind]:8.2f}"
                print(f"{name:20} {seconds:8.2f} {cpu:8.2f} {megabytes / seconds:8.0f} {rest}")


main()
