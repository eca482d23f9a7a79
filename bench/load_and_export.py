#!/usr/bin/env python3
"""Loads and exports the same data with Aquifer and with DuckDB, side by side, and compares what they need for it.

    bench/load_and_export.py target/release/aquifer 1000000

Needs the package duckdb (pip). See README.md for what is measured and how.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import make_data  # noqa: E402

ITEM = [name for name in make_data.ITEM if name != "InvoiceId"]
JOINED = ["Invoice.InvoiceNumber", "Invoice.InvoiceDate", "Invoice.Status", "Account.AccountNumber", "Account.Name",
          "Account.Currency"]
EXPORTS = {"items": [f"InvoiceItem.{name}" for name in ITEM]}
EXPORTS["items joined"] = EXPORTS["items"] + JOINED
DECIMALS = ["InvoiceItem.ChargeAmount", "InvoiceItem.TaxAmount", "InvoiceItem.Quantity", "InvoiceItem.UnitPrice"]


def aquifer_commands(binary, files, data):
    """Every command line and setting of ours, in one place."""
    return {
        "load": [binary, "load", "--dir", files, "--data", data],
        "client": [binary, "client", "create", "bench", "--json", "--data", data],
        "serve": [binary, "serve", "--listen", "127.0.0.1:0", "--data", data],
    }


def aquifer_query(columns):
    """Datetimes in UTC and API names in the header line: what DuckDB is asked for, too."""
    query = {"name": "bench", "type": "zoqlexport", "query": f"select {', '.join(columns)} from InvoiceItem"}
    return {"format": "csv", "version": "1.0", "name": "bench", "encrypted": "none", "useQueryLabels": "true",
            "dateTimeUtc": "true", "queries": [query]}


DUCKDB_LOAD = """
create table Account as select * from read_csv('{files}/Account.csv', header = true, all_varchar = true);
create table Invoice as select * from read_csv('{files}/Invoice.csv', header = true, all_varchar = true);
create table InvoiceItem as select * from read_csv('{files}/InvoiceItem.csv', header = true, types = {{{types}}});
checkpoint;
"""
# The types that a catalog gives; left to itself DuckDB would make doubles of amounts.
DUCKDB_TYPES = {
    **dict.fromkeys(make_data.ITEM, "VARCHAR"),
    **dict.fromkeys(["ChargeAmount", "TaxAmount", "Quantity", "UnitPrice"], "DECIMAL(18, 2)"),
    **dict.fromkeys(["ChargeDate", "CreatedDate", "UpdatedDate"], "TIMESTAMP"),
    **dict.fromkeys(["ServiceStartDate", "ServiceEndDate"], "DATE"),
}
DUCKDB_EXPORT = """
set preserve_insertion_order = false;
copy (
    select {columns} from InvoiceItem
    {joins}
) to '{out}' (header, timestampformat '%Y-%m-%dT%H:%M:%S+0000');
"""
DUCKDB_JOINS = """
    left join Invoice on InvoiceItem.InvoiceId = Invoice.Id
    left join Account on Invoice.AccountId = Account.Id
"""


@dataclass
class Measured:
    seconds: float
    cpu: float
    peak_mib: float
    anonymous_mib: float


class Watch:
    """Follows the memory of a child: the peak that the kernel keeps, and the peak of what is not file pages.

    Pages of mapped files count for the first, though the kernel can take them back at any time.
    """

    def __init__(self, pid):
        self.path = f"/proc/{pid}/status"
        self.peak = self.anonymous = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.follow)
        self.thread.start()

    def follow(self):
        while not self.over.wait(0.01):
            self.look()

    def look(self):
        with contextlib.suppress(OSError):
            with open(self.path, encoding="ascii") as status:
                sizes = dict(re.findall(r"^(VmHWM|RssAnon):\s+(\d+) kB$", status.read(), re.MULTILINE))
            self.peak = max(self.peak, int(sizes.get("VmHWM", 0)))
            self.anonymous = max(self.anonymous, int(sizes.get("RssAnon", 0)))

    def stop(self):
        self.over.set()
        self.thread.join()


def reap(child, watch):
    """Waits for a child and returns its CPU seconds; a child that fails ends the run."""
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    watch.stop()
    if child.returncode != 0:
        sys.exit(f"{' '.join(child.args[:3])} … ended with {child.returncode}")
    return usage.ru_utime + usage.ru_stime


def run(argv):
    started = time.monotonic()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    watch = Watch(child.pid)
    cpu = reap(child, watch)
    return Measured(time.monotonic() - started, cpu, watch.peak / 1024, watch.anonymous / 1024)


def run_duckdb(database, statements):
    code = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute(sys.argv[2])"
    return run([sys.executable, "-c", code, database, statements])


class Aquifer:
    """A running server, as a client sees it."""

    def __init__(self, commands, log):
        self.log = open(log, "w+b")
        made = json.loads(subprocess.run(commands["client"], check=True, stdout=subprocess.PIPE).stdout)
        self.client, self.last_job = made, None
        self.child = subprocess.Popen(commands["serve"], stdout=self.log, stderr=self.log)
        self.watch = Watch(self.child.pid)
        self.url = self.wait_for_url()
        form = urllib.parse.urlencode({"client_id": made["client_id"], "client_secret": made["client_secret"],
                                       "grant_type": "client_credentials"})
        self.token = None
        self.token = json.load(self.open("/oauth/token", form.encode(), "application/x-www-form-urlencoded"))["access_token"]

    def wait_for_url(self):
        """The log says which port the system chose."""
        while self.child.poll() is None:
            with open(self.log.name, encoding="utf-8", errors="replace") as log:
                found = re.search(r"http://127\.0\.0\.1:\d+", log.read())
            if found:
                return found.group()
            time.sleep(0.02)
        sys.exit(f"the server ended at once; its log is {self.log.name}")

    def open(self, path, body=None, content_type="application/json"):
        headers = {"Content-Type": content_type}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return urllib.request.urlopen(urllib.request.Request(self.url + path, body, headers))

    def job(self, columns):
        """Runs one query to its end and returns the ids of its files."""
        job = json.load(self.open("/v1/batch-query/", json.dumps(aquifer_query(columns)).encode()))
        self.last_job = job["id"]
        while job["status"] in ("submitted", "pending", "executing"):
            time.sleep(0.02)
            job = json.load(self.open(f"/v1/batch-query/jobs/{job['id']}"))
        if job["status"] != "completed":
            sys.exit(f"the job failed: {json.dumps(job)}")
        batch = job["batches"][0]
        return batch.get("segments") or [batch["fileId"]]

    def download(self, file, path):
        with self.open(f"/v1/files/{file}") as answer, open(path, "wb") as out:
            shutil.copyfileobj(answer, out, 1 << 20)

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        cpu = reap(self.child, self.watch)
        self.log.close()
        return cpu


def export_aquifer(commands, columns, out):
    """A server of its own for every export, so that its peak and its CPU are those of the export.

    Returns the measures from submit to completed, the seconds of the download, and the files.
    """
    server = Aquifer(commands, f"{out}.log")
    started = time.monotonic()
    files = server.job(columns)
    seconds = time.monotonic() - started
    server.watch.look()
    peak, anonymous = server.watch.peak / 1024, server.watch.anonymous / 1024
    cpu = cpu_seconds(server.child.pid)
    started = time.monotonic()
    paths = [f"{out}.{n}.csv" for n in range(len(files))]
    for file, path in zip(files, paths):
        server.download(file, path)
    downloaded = time.monotonic() - started
    server.stop()
    return Measured(seconds, cpu, peak, anonymous), downloaded, paths


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def digest(columns, paths):
    """What two exports must agree in, whatever the order of their rows: the number of rows, the sum of every decimal, and
    for every other column a sum of the hashes of its texts."""
    import duckdb

    sums = [f'sum("{name}"::DECIMAL(18, 2))' if name in DECIMALS else f"sum(hash(coalesce(\"{name}\", ''))::HUGEINT)"
            for name in columns]
    read = f"read_csv({paths!r}, header = true, all_varchar = true)"
    return duckdb.connect().execute(f"select count(*), {', '.join(sums)} from {read}").fetchall()[0]


def check(columns, ours, theirs, items):
    left, right = digest(columns, ours), digest(columns, theirs)
    differing = [name for name, a, b in zip(["rows", *columns], left, right) if a != b]
    if differing or left[0] != items:
        sys.exit(f"the exports differ: {left[0]} and {right[0]} rows of {items}, unequal in {', '.join(differing)}")


def size(paths):
    return sum(os.path.getsize(path) for path in paths)


def tell(what, who, items, length, measured):
    rate = items / measured.seconds
    print(f"{what:<14}{who:<10}{measured.seconds:>9.1f}{measured.cpu:>9.1f}{rate / 1e6:>10.2f}"
          f"{length / measured.seconds / 1e6:>8.0f}{measured.peak_mib:>10.0f}{measured.anonymous_mib:>10.0f}", flush=True)


def tell_ratio(ours, theirs):
    """Above 1: we are better."""
    print(f"{'':<14}{'ratio':<10}{theirs.seconds / ours.seconds:>9.2f}{theirs.cpu / ours.cpu:>9.2f}{'':>18}"
          f"{theirs.peak_mib / ours.peak_mib:>10.2f}{theirs.anonymous_mib / ours.anonymous_mib:>10.2f}\n", flush=True)


def bench(binary, items, work, seed):
    files, data, database = (os.path.join(work, name) for name in ("csv", "aquifer", "duckdb.db"))
    made = make_data.make(files, items, seed)
    commands = aquifer_commands(os.path.abspath(binary), files, data)
    print(f"{items} items, {size(made) / 1e6:.0f} MB of CSV, {os.cpu_count()} cores\n")
    print(f"{'':<14}{'':<10}{'seconds':>9}{'CPU s':>9}{'M rows/s':>10}{'MB/s':>8}{'peak MiB':>10}{'anon MiB':>10}")

    ours = run(commands["load"])
    tell("load", "aquifer", items, size(made), ours)
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in DUCKDB_TYPES.items())
    theirs = run_duckdb(database, DUCKDB_LOAD.format(files=files, types=types))
    tell("load", "duckdb", items, size(made), theirs)
    tell_ratio(ours, theirs)
    shutil.rmtree(files)

    for what, columns in EXPORTS.items():
        out = os.path.join(work, what.replace(" ", "-"))
        ours, downloaded, our_files = export_aquifer(commands, columns, out)
        tell(what, "aquifer", items, size(our_files), ours)
        their_file = f"{out}.duckdb.csv"
        statements = DUCKDB_EXPORT.format(
            columns=", ".join(f'{name} as "{name}"' for name in columns),
            joins=DUCKDB_JOINS if any(name in columns for name in JOINED) else "",
            out=their_file,
        )
        theirs = run_duckdb(database, statements)
        tell(what, "duckdb", items, size([their_file]), theirs)
        check(columns, our_files, [their_file], items)
        tell_ratio(ours, theirs)
        print(f"{'':<14}download  {downloaded:>9.1f}\n", flush=True)
        for path in [*our_files, their_file]:
            os.remove(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("aquifer", help="a release build of the binary")
    parser.add_argument("items", type=int)
    parser.add_argument("--work", help="where to put 2 GB per million items; default: a temporary directory")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if args.work:
        os.makedirs(args.work, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="aquifer-bench-", dir=args.work) as work:
        bench(args.aquifer, args.items, work, args.seed)


if __name__ == "__main__":
    main()
