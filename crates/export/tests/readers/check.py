"""Reads result files with readers that are not ours and compares what they see.

    check.py DIR

DIR/expected.json is a list of {"file": STEM, "nulls": bool, "rows": [[cell, ...], ...]}, the header line among the rows
and null for a null where "nulls" says that those can be told; DIR holds STEM.csv, STEM.csv.gz and STEM.csv.zip.

Python, DuckDB and pandas are needed. gzip, unzip, node, java (11 or later) and go are used as well where they are found.
The last line of the output tells the number of comparisons and of differences, and which readers there were.
"""

import csv
import gzip
import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import duckdb
import pandas

HERE = Path(__file__).parent
NODE_GUNZIP = "process.stdout.write(require('zlib').gunzipSync(require('fs').readFileSync(process.argv[1])))"


def output(*command):
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE).stdout


def zip_with_python(path):
    with zipfile.ZipFile(path) as archive:
        (name,) = archive.namelist()
        return archive.read(name)


def unpackers(folder):
    """Ways from a compressed file to its CSV: name, ending of the file, function."""
    yield "python gzip", ".csv.gz", lambda path: gzip.decompress(path.read_bytes())
    yield "python zipfile", ".csv.zip", zip_with_python
    if shutil.which("gzip"):
        yield "gzip", ".csv.gz", lambda path: output("gzip", "-dc", path)
    if shutil.which("unzip"):
        yield "unzip", ".csv.zip", lambda path: output("unzip", "-p", path)
    if shutil.which("node"):
        yield "node", ".csv.gz", lambda path: output("node", "-e", NODE_GUNZIP, path)
    if shutil.which("java"):
        # All at once, since it takes a second to start.
        output("java", "-XX:TieredStopAtLevel=1", HERE / "Unpack.java", *folder.glob("*.csv.*"))
        java = lambda path: path.with_name(path.name + ".unpacked").read_bytes()
        yield "java gzip", ".csv.gz", java
        yield "java zip", ".csv.zip", java
    if shutil.which("go"):
        packed = [*folder.glob("*.csv.gz"), *folder.glob("*.csv.zip")]
        output("go", "run", HERE / "Unpack.go", *packed)
        go = lambda path: path.with_name(path.name + ".go").read_bytes()
        yield "go gzip", ".csv.gz", go
        yield "go zip", ".csv.zip", go


def with_python(path, nulls):
    text = io.StringIO(path.read_bytes().decode("utf-8"), newline="")
    return list(csv.reader(text, strict=True))


def with_duckdb(path, nulls):
    # The header line is a row like any other here. The empty text stands for a null only where there are nulls.
    sql = """select * from read_csv(?, header = false, all_varchar = true, delim = ',', quote = '"', escape = '"',
             auto_detect = false, null_padding = false, allow_quoted_nulls = false, nullstr = $null, columns = $columns)"""
    width = len(with_python(path, nulls)[0])
    columns = ", ".join(f"'c{n}': 'varchar'" for n in range(width))
    sql = sql.replace("$columns", "{" + columns + "}").replace("$null", "''" if nulls else "'\x01'")
    return [list(row) for row in duckdb.execute(sql, [str(path)]).fetchall()]


def with_pandas(path, nulls):
    rows = pandas.read_csv(path, header=None, dtype=str, keep_default_na=False, skip_blank_lines=False)
    return rows.values.tolist()


# Ways from a CSV file to its rows: functions of the path and of whether nulls are told from empty texts.
READERS = {"python csv": with_python, "duckdb": with_duckdb, "pandas": with_pandas}


def main(folder):
    names, comparisons, differences = [], 0, 0

    def compare(what, seen, expected):
        nonlocal comparisons, differences
        comparisons += 1
        if seen != expected:
            differences += 1
            print(f"{what} differs")
            if isinstance(seen, list):
                for number, (one, other) in enumerate(zip(seen, expected)):
                    if one != other:
                        print(f"  row {number}: saw {one!r}, not {other!r}")
                print(f"  {len(seen)} rows, expected {len(expected)}")

    files = json.loads((folder / "expected.json").read_text("utf-8"))
    for name, ending, unpack in unpackers(folder):
        names.append(name)
        for file in files:
            plain = (folder / (file["file"] + ".csv")).read_bytes()
            compare(f"{file['file']}{ending} by {name}", unpack(folder / (file["file"] + ending)), plain)
    for name, read in READERS.items():
        names.append(name)
        for file in files:
            # Only DuckDB tells an empty text from nothing.
            nulls = file["nulls"] and name == "duckdb"
            rows = file["rows"] if nulls else [["" if cell is None else cell for cell in row] for row in file["rows"]]
            compare(f"{file['file']}.csv by {name}", read(folder / (file["file"] + ".csv"), nulls), rows)
    print(f"{comparisons} comparisons, {differences} differences: {', '.join(names)}")


main(Path(sys.argv[1]))
