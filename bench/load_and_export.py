#!/usr/bin/env python3
"""Loads and exports the same data with Aquifer and with others, side by side, and compares what they need for it.

    bench/load_and_export.py target/release/aquifer 1000000

Needs the packages of requirements.txt, gzip and pigz. See README.md for what is measured and how.
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
import peers  # noqa: E402

ITEM = [name for name in make_data.ITEM if name != "InvoiceId"]
JOINED = ["Invoice.InvoiceNumber", "Invoice.InvoiceDate", "Invoice.Status", "Account.AccountNumber", "Account.Name",
          "Account.Currency", "Subscription.Name", "Subscription.Status", "Subscription.TermType"]
EXPORTS = {"items": [f"InvoiceItem.{name}" for name in ITEM]}
EXPORTS["items joined"] = EXPORTS["items"] + JOINED
KINDS = {"csv": "csv", "csv.gz": "gzip"}
# What reads the finished CSV and does nothing else: what such a file costs at least.
BARE = {"csv": {"cat": "cat"}, "csv.gz": {"gzip -1": "gzip -1", "pigz -1": "pigz -1"}}
DECIMALS = ["InvoiceItem.ChargeAmount", "InvoiceItem.TaxAmount", "InvoiceItem.Quantity", "InvoiceItem.UnitPrice"]
DATETIMES = ["InvoiceItem.ChargeDate", "InvoiceItem.CreatedDate", "InvoiceItem.UpdatedDate"]


def aquifer_commands(binary, files, data):
    """Every command line and setting of ours, in one place."""
    return {
        "load": [binary, "load", "--dir", files, "--data", data],
        "client": [binary, "client", "create", "bench", "--json", "--data", data],
        "serve": [binary, "serve", "--listen", "127.0.0.1:0", "--data", data],
    }


def aquifer_query(columns, kind):
    """Datetimes in UTC and API names in the header line: what the others are asked for, too."""
    query = {"name": "bench", "type": "zoqlexport", "query": f"select {', '.join(columns)} from InvoiceItem"}
    return {"format": KINDS[kind], "version": "1.0", "name": "bench", "encrypted": "none", "useQueryLabels": "true",
            "dateTimeUtc": "true", "queries": [query]}


OBJECTS = ["Account", "Subscription", "Invoice", "InvoiceItem"]
# The types that a catalog gives; left to itself DuckDB would make doubles of amounts.
DUCKDB_TYPES = {
    **dict.fromkeys(make_data.ITEM, "VARCHAR"),
    **dict.fromkeys(["ChargeAmount", "TaxAmount", "Quantity", "UnitPrice"], "DECIMAL(18, 2)"),
    **dict.fromkeys(["ChargeDate", "CreatedDate", "UpdatedDate"], "TIMESTAMP"),
    **dict.fromkeys(["ServiceStartDate", "ServiceEndDate"], "DATE"),
}


def duckdb_load(files):
    items = ", ".join(f"'{name}': '{kind}'" for name, kind in DUCKDB_TYPES.items())

    def table(name):
        types = f"types = {{{items}}}" if name == "InvoiceItem" else "all_varchar = true"
        return f"create table {name} as select * from read_csv('{files}/{name}.csv', header = true, {types});"

    return "\n".join([*map(table, OBJECTS), "checkpoint;"])


def duckdb_parquet(work):
    return "\n".join(f"copy {name} to '{work}/{name}.parquet';" for name in OBJECTS)


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


def run(argv, **files):
    started = time.monotonic()
    child = subprocess.Popen(argv, **{"stdout": subprocess.DEVNULL, **files})
    watch = Watch(child.pid)
    cpu = reap(child, watch)
    return Measured(time.monotonic() - started, cpu, watch.peak / 1024, watch.anonymous / 1024)


def run_duckdb(database, statements):
    code = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute(sys.argv[2])"
    return run([sys.executable, "-c", code, database, statements])


def run_peer(peer, store, kind, out, columns):
    return run([sys.executable, peers.__file__, peer, store, kind, out, *columns])


def run_bare(command, source, target):
    with open(source, "rb") as stdin, open(target, "wb") as stdout:
        return run(command.split(), stdin=stdin, stdout=stdout)


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

    def job(self, columns, kind="csv"):
        """Runs one query to its end and returns the ids of its files."""
        job = json.load(self.open("/v1/batch-query/", json.dumps(aquifer_query(columns, kind)).encode()))
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


def export_aquifer(commands, columns, kind, out):
    """A server of its own for every export, so that its peak and its CPU are those of the export.

    Returns the measures from submit to completed, the seconds of the download, and the files.
    """
    server = Aquifer(commands, f"{out}.log")
    started = time.monotonic()
    files = server.job(columns, kind)
    seconds = time.monotonic() - started
    server.watch.look()
    peak, anonymous = server.watch.peak / 1024, server.watch.anonymous / 1024
    cpu = cpu_seconds(server.child.pid)
    started = time.monotonic()
    paths = [f"{out}.{n}.{kind}" for n in range(len(files))]
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
    for every other column a sum of the hashes of its texts; of datetimes down to the second."""
    import duckdb

    def of(name):
        if name in DECIMALS:
            return f'sum("{name}"::DECIMAL(18, 2))'
        text = f"left(replace(\"{name}\", ' ', 'T'), 19)" if name in DATETIMES else f'"{name}"'
        return f"sum(hash(coalesce({text}, ''))::HUGEINT)"

    read = f"read_csv({paths!r}, header = true, all_varchar = true)"
    return duckdb.connect().execute(f"select count(*), {', '.join(map(of, columns))} from {read}").fetchall()[0]


def check(columns, wanted, who, path):
    found = digest(columns, [path])
    differing = [name for name, a, b in zip(["rows", *columns], wanted, found) if a != b]
    if differing:
        sys.exit(f"the export of {who} differs: {found[0]} rows of {wanted[0]}, unequal in {', '.join(differing)}")


def size(paths):
    return sum(os.path.getsize(path) for path in paths)


def tell(what, who, items, length, measured, ours=None):
    """With `ours`, the ratios to it: above 1 we are better."""
    rate = items / measured.seconds
    line = (f"{what:<20}{who:<16}{measured.seconds:>8.1f}{measured.cpu:>8.1f}{rate / 1e6:>9.2f}"
            f"{length / measured.seconds / 1e6:>7.0f}{measured.peak_mib:>9.0f}{measured.anonymous_mib:>9.0f}")
    if ours:
        line += (f"{measured.seconds / ours.seconds:>9.2f}{measured.cpu / ours.cpu:>7.2f}"
                 f"{measured.peak_mib / ours.peak_mib:>8.2f}")
    print(line, flush=True)


def bench(binary, items, work, seed, rounds):
    files, data = (os.path.join(work, name) for name in ("csv", "aquifer"))
    database = os.path.join(work, "duckdb.db")
    made = make_data.make(files, items, seed)
    commands = aquifer_commands(os.path.abspath(binary), files, data)
    print(f"{items} items, {size(made) / 1e6:.0f} MB of CSV, {os.cpu_count()} cores\n")
    print(f"{'':<36}{'seconds':>8}{'CPU s':>8}{'M rows/s':>9}{'MB/s':>7}{'peak MiB':>9}{'anon MiB':>9}"
          f"{'their s':>9}{'CPU':>7}{'peak':>8}")

    ours = run(commands["load"])
    tell("load", "aquifer", items, size(made), ours)
    theirs = run_duckdb(database, duckdb_load(files))
    tell("load", "duckdb", items, size(made), theirs, ours)
    run_duckdb(database, duckdb_parquet(work))
    shutil.rmtree(files)
    for what, columns in EXPORTS.items():
        export(what, columns, items, commands, work, rounds)


def export(what, columns, items, commands, work, rounds):
    """One export by everybody, in every kind of file. They take turns, and of each its best round counts."""
    length, wanted, csv = None, None, os.path.join(work, "ours.csv")
    for kind in KINDS:
        out, best = os.path.join(work, "out"), {}

        def note(who, measured):
            best[who] = min(best.get(who, measured), measured, key=lambda one: one.seconds)

        for turn in range(rounds):
            os.sync()
            ours, downloaded, paths = export_aquifer(commands, columns, kind, out)
            note("aquifer", ours)
            if turn == 0 and kind == "csv":
                wanted, length = digest(columns, paths), size(paths)
                if wanted[0] != items:
                    sys.exit(f"our export has {wanted[0]} rows of {items}")
                # Several files where one would be too large; the others write one.
                subprocess.run(f"cat {' '.join(paths)} > {csv}", shell=True, check=True)
            elif turn == 0 and digest(columns, paths) != wanted:
                sys.exit("our compressed export differs from the other")
            for path in paths:
                os.remove(path)
            for peer in peers.PEERS:
                os.sync()
                note(peer, run_peer(peer, work, kind, out, columns))
                if turn == 0:
                    check(columns, wanted, peer, f"{out}.{kind}")
                os.remove(f"{out}.{kind}")
            for name, command in BARE[kind].items():
                os.sync()
                note(name, run_bare(command, csv, f"{out}.{kind}"))
                os.remove(f"{out}.{kind}")
        print()
        for who, measured in best.items():
            ours = best["aquifer"] if who != "aquifer" else None
            tell(f"{what}, {kind}", who, items, length, measured, ours)
        print(f"{f'{what}, {kind}':<20}{'(our download)':<16}{downloaded:>8.1f}", flush=True)
    os.remove(csv)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("aquifer", help="a release build of the binary")
    parser.add_argument("items", type=int)
    parser.add_argument("--work", help="where to put 2 GB per million items; default: a temporary directory")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1, help="turns that everybody has; the best counts (default: 1)")
    parser.add_argument("--only", choices=["csv"], help="no csv.gz, which takes others minutes where there is much")
    args = parser.parse_args()
    if args.only == "csv":
        del KINDS["csv.gz"]
    if args.work:
        os.makedirs(args.work, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="aquifer-bench-", dir=args.work) as work:
        bench(args.aquifer, args.items, work, args.seed, args.rounds)


if __name__ == "__main__":
    main()
