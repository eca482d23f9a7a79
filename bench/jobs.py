#!/usr/bin/env python3
"""Measures what a job costs beside its rows: from submit to completed for a query of one row, and jobs per second, beside what
the disk takes to make a write safe.

    bench/jobs.py target/release/aquifer

Needs nothing but Python; with strace it also counts how often the server waits for the disk. See README.md.
"""

import argparse
import base64
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ID = f"{1:032x}"
QUERY = f"select Id, Name from Account where Id = '{ID}'"
# An open job is asked for again after this, so that asking does not take the machine from the answer.
PAUSE = 0.0005


def median_and_p99(seconds):
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return f"{statistics.median(seconds) * 1000:6.2f} ms  {cuts[98] * 1000:6.2f} ms"


def fsyncs(folder, count):
    """What it takes to add a page to a file and to wait until it is on the disk."""
    path = os.path.join(folder, "fsync")
    seconds = []
    with open(path, "wb", buffering=0) as file:
        for _ in range(count):
            begun = time.perf_counter()
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            seconds.append(time.perf_counter() - begun)
    os.remove(path)
    return seconds


class Client:
    """One connection, kept open."""

    def __init__(self, address, authorization):
        self.connection = http.client.HTTPConnection(address)
        self.headers = {"Authorization": authorization}

    def send(self, method, path, body=None):
        self.connection.request(method, path, body and json.dumps(body), self.headers)
        answer = self.connection.getresponse().read()
        return json.loads(answer)

    def run(self, job):
        """Submits a job and waits for its end; how long that took."""
        begun = time.perf_counter()
        accepted = self.send("POST", "/v1/batch-query", job)
        path = f"/v1/batch-query/jobs/{accepted['id']}"
        while not (status := self.send("GET", path))["terminal"]:
            time.sleep(PAUSE)
        seconds = time.perf_counter() - begun
        if status["status"] != "completed" or status["batches"][0]["recordCount"] != 1:
            sys.exit(f"a job failed: {status}")
        return seconds


def stateless():
    return {"format": "csv", "version": "1.0", "queries": [{"query": QUERY, "type": "zoqlexport"}]}


def stateful(number):
    """A session of its own each time, as a full load is what has a row."""
    return {**stateless(), "version": "1.1", "partner": "bench", "project": f"{os.getpid()}-{number}"}


@contextlib.contextmanager
def server(binary, data, jobs, trace=None):
    command = [binary, "serve", "--listen", "127.0.0.1:0", "--data", data]
    if trace:
        command = ["strace", "-f", "-qq", "-o", trace, "-e", "trace=fsync,fdatasync", *command]
    environment = {**os.environ, "AQUIFER_RUNNER__JOBS": str(jobs), "RUST_LOG": "warn",
                   "AQUIFER_LIMITS__TOKENS_PER_MINUTE": "1000000", "AQUIFER_LIMITS__REQUESTS_PER_MINUTE": "1000000000"}
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True)
    try:
        line = next(line for line in child.stderr if "http://" in line)
        # What else it says must be taken, or it waits.
        threading.Thread(target=child.stderr.read, daemon=True).start()
        yield re.search(r"http://(\S+)", line)[1]
    finally:
        # The group, for a traced server is a child of its tracer.
        os.killpg(child.pid, signal.SIGTERM)
        child.wait()


def side_by_side(address, authorization, clients, seconds):
    """Jobs per second that so many clients get done, each one after another."""
    ends_at = time.perf_counter() + seconds
    done = [0] * clients

    def work(number):
        client = Client(address, authorization)
        while time.perf_counter() < ends_at:
            client.run(stateless())
            done[number] += 1

    begun = time.perf_counter()
    threads = [threading.Thread(target=work, args=[number]) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - begun)


def prepare(binary, data):
    rows = "Id,Name\n" + "".join(f"{number:032x},Account {number}\n" for number in range(1000))
    subprocess.run([binary, "load", "Account", "-", "--data", data], input=rows, text=True, check=True,
                   stderr=subprocess.DEVNULL)
    created = subprocess.run([binary, "client", "create", "bench", "--json", "--data", data], check=True,
                             capture_output=True, text=True)
    client = json.loads(created.stdout)
    secret = f"{client['client_id']}:{client['client_secret']}"
    return "Basic " + base64.b64encode(secret.encode()).decode()


def waits_per_job(binary, data, authorization, jobs):
    """How often the server waits for the disk for one job, its part of what is not for any job left out."""
    counts = []
    for count in (0, jobs):
        with tempfile.NamedTemporaryFile() as trace:
            with server(binary, data, 1, trace.name) as address:
                client = Client(address, authorization)
                for _ in range(count):
                    client.run(stateless())
            counts.append(sum(1 for line in trace if b"sync(" in line))
    return (counts[1] - counts[0]) / jobs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--jobs", type=int, default=500, help="jobs whose latency is measured [default: 500]")
    parser.add_argument("--seconds", type=float, default=10, help="how long jobs are counted [default: 10]")
    parser.add_argument("--work", help="a folder on the disk to be measured [default: the system's for temporary files]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        data = os.path.join(folder, "data")
        authorization = prepare(options.binary, data)
        print(f"{'':32} median      p99")
        print(f"{'a page made safe (fdatasync)':30} {median_and_p99(fsyncs(folder, 500))}")
        with server(options.binary, data, 2) as address:
            client = Client(address, authorization)
            client.run(stateless())
            for name, job in [("stateless job", lambda _: stateless()), ("stateful job", stateful)]:
                seconds = [client.run(job(number)) for number in range(options.jobs)]
                print(f"{name:30} {median_and_p99(seconds)}")
        for clients, jobs in [(1, 2), (8, 2), (8, 4)]:
            with server(options.binary, data, jobs) as address:
                rate = side_by_side(address, authorization, clients, options.seconds)
                print(f"{clients} clients, runner.jobs = {jobs}: {rate:.0f} jobs/s")
        if shutil.which("strace"):
            print(f"waits for the disk: {waits_per_job(options.binary, data, authorization, 50):.1f} a job")


if __name__ == "__main__":
    main()
