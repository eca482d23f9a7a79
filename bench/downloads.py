#!/usr/bin/env python3
"""Downloads one large result in several ways, beside `cat` and nginx on the same bytes, and tells what slow readers cost.

    bench/downloads.py target/release/aquifer 1000000

curl is needed; nginx is measured if it is there. See README.md for what is measured and how.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import make_data  # noqa: E402
from load_and_export import EXPORTS, Aquifer, aquifer_commands, cpu_seconds, run  # noqa: E402

NGINX = """
daemon off; worker_processes 1; error_log /dev/null; pid {work}/nginx.pid;
events {{}}
http {{
    access_log off; sendfile {sendfile}; output_buffers 2 128k; gzip_types text/csv; gzip_proxied any;
    types {{ text/csv csv; }}
    server {{ listen 127.0.0.1:{port}; root {work}; gzip {gzip}; gzip_comp_level 1; }}
}}
"""
SLOW = 100


def free_port():
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


class Nginx:
    def __init__(self, work, sendfile="on", gzip="off"):
        self.port = free_port()
        config = os.path.join(work, "nginx.conf")
        with open(config, "w", encoding="ascii") as out:
            out.write(NGINX.format(work=work, port=self.port, sendfile=sendfile, gzip=gzip))
        self.child = subprocess.Popen(["nginx", "-c", config, "-p", work])
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            time.sleep(0.02)
        # The master only watches: its one child does the work.
        with open(f"/proc/{self.child.pid}/task/{self.child.pid}/children", encoding="ascii") as children:
            self.worker = int(children.read().split()[0])

    def stop(self):
        self.child.terminate()
        self.child.wait()


def resident(pid):
    """MiB that are the process's own: without pages of files."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1024


def measure(what, size, pid, work):
    """The best of three, with the server's CPU time in it."""
    best = None
    for _ in range(3):
        before, started = cpu_seconds(pid) if pid else 0, time.monotonic()
        work()
        seconds = time.monotonic() - started
        cpu = cpu_seconds(pid) - before if pid else 0
        best = min(best or (seconds, cpu), (seconds, cpu))
    seconds, cpu = best
    server = f"{cpu / size * 1e9:>14.2f}" if pid else f"{'':>14}"
    print(f"{what:<40}{seconds:>9.2f}{size / seconds / 1e6:>8.0f}{server}", flush=True)


def curl(url, *options):
    return ["curl", "--silent", "--fail", "--output", "/dev/null", *options, url]


def at_once(count, command):
    children = [subprocess.Popen(command) for _ in range(count)]
    if any(child.wait() for child in children):
        sys.exit(f"{' '.join(command[:3])} … failed")


def slow_readers(server, file):
    """Connections that ask for all of a file, read a little and stop."""
    host, port = server.url.removeprefix("http://").split(":")
    before, connections = resident(server.child.pid), []
    for _ in range(SLOW):
        connection = socket.create_connection((host, int(port)))
        request = f"GET /v1/files/{file} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {server.token}\r\n\r\n"
        connection.sendall(request.encode())
        connection.recv(1000)
        connections.append(connection)
    time.sleep(2)
    grown = resident(server.child.pid) - before
    print(f"\n{SLOW} readers that have stopped reading: {grown / SLOW * 1024:.0f} KiB of the server's memory each")
    for connection in connections:
        connection.close()


def bench(binary, items, work, seed):
    files, data = os.path.join(work, "csv"), os.path.join(work, "aquifer")
    make_data.make(files, items, seed)
    commands = aquifer_commands(os.path.abspath(binary), files, data)
    run(commands["load"])
    shutil.rmtree(files)
    server = Aquifer(commands, os.path.join(work, "log"))
    (file,) = server.job(EXPORTS["items"])
    path = os.path.join(work, "result.csv")
    server.download(file, path)
    size, pid = os.path.getsize(path), server.child.pid
    url, bearer = f"{server.url}/v1/files/{file}", f"Authorization: Bearer {server.token}"
    print(f"{size / 1e6:.0f} MB, {os.cpu_count()} cores\n")
    print(f"{'':<40}{'seconds':>9}{'MB/s':>8}{'CPU s per GB':>14}")

    measure("cat, through a pipe", size, None, lambda: at_once(1, ["sh", "-c", f"cat {path} | cat >/dev/null"]))
    measure("curl", size, pid, lambda: at_once(1, curl(url, "-H", bearer)))
    measure("curl, four at one time", 4 * size, pid, lambda: at_once(4, curl(url, "-H", bearer)))
    coded = ["-H", bearer, "-H", "Accept-Encoding: gzip"]
    measure("curl, gzip on the way", size, pid, lambda: at_once(1, curl(url, *coded)))
    for connections in ("1", "4"):
        out = os.path.join(work, "got")

        def files_command():
            shutil.rmtree(out, ignore_errors=True)
            at_once(1, ["sh", "-c", 'exec "$0" "$@" >/dev/null', *download(commands, server, out, connections)])

        measure(f"aquifer files, {connections} connections, digested", size, pid, files_command)
    if shutil.which("nginx"):
        for what, settings in [("sendfile", {}), ("read and write", {"sendfile": "off"}), ("gzip -1", {"gzip": "on"})]:
            nginx = Nginx(work, **settings)
            of_nginx = curl(f"http://127.0.0.1:{nginx.port}/result.csv", "-H", "Accept-Encoding: gzip")
            measure(f"nginx, {what}", size, nginx.worker, lambda: at_once(1, of_nginx))
            nginx.stop()
    slow_readers(server, file)
    server.stop()


def download(commands, server, out, connections):
    job = server.last_job
    credentials = ["--url", server.url, "--client-id", server.client["client_id"],
                   "--client-secret", server.client["client_secret"]]
    return [commands["serve"][0], "files", job, "--out", out, "--connections", connections, *credentials]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("aquifer", help="a release build of the binary")
    parser.add_argument("items", type=int, help="a million make a file of 310 MB; one file holds up to six")
    parser.add_argument("--work", help="where to put 3 GB per million items; default: a temporary directory")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if args.work:
        os.makedirs(args.work, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="aquifer-bench-", dir=args.work) as work:
        # nginx serves from here, and does not run as whoever made it.
        os.chmod(work, 0o755)
        bench(args.aquifer, args.items, work, args.seed)


if __name__ == "__main__":
    main()
