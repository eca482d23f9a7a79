#!/usr/bin/env python3
"""Instructions per cell of the CSV encoder, by the kind of cell, counted by callgrind: the same on any machine.

    cargo build --release -p export --example encode
    python3 bench/cells.py target/release/examples/encode

Runs of 1,000 and of 21,000 rows of 20 cells, so that what happens once is not counted; the loop that makes the cells is.
"""

import re
import subprocess
import sys
import tempfile

CELLS = 20 * 20_000


def kinds(program):
    source = open(__file__.replace("bench/cells.py", "crates/export/examples/encode.rs"), encoding="utf-8").read()
    return re.findall(r'^    \("(.*)", (?:None|Some\(\d+\))\),$', source, re.MULTILINE)


def instructions(program, kind, rows):
    with tempfile.NamedTemporaryFile() as out:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", program, str(rows / 1e6), kind]
        run = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(re.search(r"Collected : (\d+)", run.stderr)[1])


program = sys.argv[1]
for kind in kinds(program):
    count = instructions(program, kind, 21_000) - instructions(program, kind, 1_000)
    print(f"{kind:20} {count / CELLS:7.1f}")
