"""Runs tap-zuora, unmodified, through its whole flow against a server. See README.md."""

import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = HERE.parents[3] / "target" / "test-tools" / "tap"
PACKAGE = "tap-zuora"

ACCOUNTS = """Id,Name,AccountNumber,Balance,AutoPay,CreatedDate,UpdatedDate
11111111111111111111111111111101,Ärzte AG,A-1,77.86,true,2026-02-28T13:07:32Z,2026-03-01T00:00:00Z
11111111111111111111111111111102,"Smith, Sons",A-2,-11095,false,2026-07-01T12:00:00Z,2026-07-02T00:00:00Z
"""
LATER = """Id,Name,AccountNumber,Balance,AutoPay,CreatedDate,UpdatedDate
11111111111111111111111111111102,"Smith, Daughters",A-2,5.5,false,2026-07-01T12:00:00Z,2026-08-02T00:00:00Z
11111111111111111111111111111103,Zeta,A-3,0,true,2026-08-01T13:00:00Z,2026-08-03T00:00:00Z
"""


def main():
    aquifer = os.path.abspath(sys.argv[1])
    tap = install()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        data = folder / "data"
        load(aquifer, data, ACCOUNTS)
        made = subprocess.check_output([aquifer, "client", "create", "tap", "--data", data, "--json"])
        credentials = json.loads(made)
        server = subprocess.Popen(
            [aquifer, "serve", "--data", data, "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True
        )
        try:
            environment = loopback(folder, address(server))
            for api, auth in [("AQUA", "OAUTH"), ("REST", "BASIC")]:
                run = Run(tap, folder / api, environment, credentials, api, auth)
                first = run.sync(run.discover())
                expect(f"{api}: first sync", [(row["AccountNumber"], row["Balance"]) for row in first],
                       [("A-1", 77.86), ("A-2", -11095)] if api == "AQUA" else [("A-1", 77.86), ("A-2", 5.5), ("A-3", 0)])
                if api == "AQUA":
                    load(aquifer, data, LATER)
                    # Its bookmark is inclusive, so that the last row comes again if it has not changed.
                    second = run.sync(run.catalog)
                    expect("AQUA: second sync", [(row["AccountNumber"], row["Name"], row["Deleted"]) for row in second],
                           [("A-2", "Smith, Daughters", False), ("A-3", "Zeta", False)])
                run.fail()
        finally:
            server.terminate()
            server.wait()
    print("tap-zuora: everything as expected")


class Run:
    """One configuration of the client, with its catalog and its state."""

    def __init__(self, tap, folder, environment, credentials, api, auth):
        folder.mkdir()
        self.tap, self.folder, self.environment, self.api = tap, folder, environment, api
        self.catalog, self.state = None, {}
        self.config = {
            "username": credentials["client_id"],
            "password": credentials["client_secret"],
            "start_date": "2026-02-01T00:00:00Z",
            "partner_id": "salesforce",
            "api_type": api,
            "auth_type": auth,
        }

    def discover(self):
        self.catalog = json.loads(self.run("--discover").stdout)
        streams = {stream["tap_stream_id"]: stream for stream in self.catalog["streams"]}
        assert len(streams) > 80, f"only {sorted(streams)}"
        account = streams["Account"]
        assert "BillToContactId" in account["schema"]["properties"], account
        print(f"{self.api}: discovered {len(streams)} streams, {sum('Deleted' in s['schema']['properties'] for s in streams.values())} with deleted rows")
        for entry in account["metadata"]:
            name = entry["breadcrumb"][-1] if entry["breadcrumb"] else None
            if name in (None, "Name", "AccountNumber", "Balance", "AutoPay", "BillToContactId", "Deleted"):
                entry["metadata"]["selected"] = True
        return self.catalog

    def sync(self, catalog):
        """The records of a sync, whose last state the next one goes on from."""
        done = self.run("--catalog", self.write("catalog", catalog), "--state", self.write("state", self.state))
        messages = [json.loads(line) for line in done.stdout.splitlines()]
        self.state = [message["value"] for message in messages if message["type"] == "STATE"][-1]
        return [message["record"] for message in messages if message["type"] == "RECORD"]

    def fail(self):
        """What the client makes of wrong credentials."""
        right, self.config["password"] = self.config["password"], "wrong"
        refused = self.run("--discover", check=False)
        self.config["password"] = right
        assert refused.returncode != 0 and "BadCredentialsException" in refused.stderr, refused.stderr
        print(f"{self.api}: wrong credentials are refused")

    def run(self, *args, check=True):
        command = [self.tap, "--config", self.write("config", self.config), *args]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        if check and done.returncode != 0:
            sys.exit(f"{command}\n{done.stderr[-4000:]}")
        return done

    def write(self, name, value):
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(value))
        return path


def install():
    if not (TOOLS / "bin" / "tap-zuora").exists():
        subprocess.check_call([sys.executable, "-m", "venv", TOOLS])
        subprocess.check_call([TOOLS / "bin" / "pip", "install", "--quiet", PACKAGE])
    return TOOLS / "bin" / "tap-zuora"


def load(aquifer, data, rows):
    subprocess.run([aquifer, "load", "--data", data, "Account", "-"], input=rows, text=True, check=True, stdout=2)


def address(server):
    """Waits for the line that says where the server listens; the rest is read and forgotten."""
    for line in server.stderr:
        if " at http://" in line:
            threading.Thread(target=server.stderr.read, daemon=True).start()
            host, port = line.rsplit("http://", 1)[1].strip().split(":")
            return host, int(port)
    sys.exit("the server did not start")


def loopback(folder, target):
    """Opens a TLS port before the server, and gives the environment in which clients find and trust it."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=rest.na.zuora.com",
         "-addext", "subjectAltName=DNS:*.zuora.com,DNS:*.na.zuora.com", "-keyout", key, "-out", certificate],
        check=True, stderr=subprocess.DEVNULL,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            threading.Thread(target=forward, args=(listener.accept()[0],), daemon=True).start()

    def forward(plain):
        try:
            with context.wrap_socket(plain, server_side=True) as client, socket.create_connection(target) as server:
                threading.Thread(target=copy, args=(client, server), daemon=True).start()
                copy(server, client)
        except OSError:
            pass  # The client has hung up.

    threading.Thread(target=accept, daemon=True).start()
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(HERE / "loopback"),
        "LOOPBACK_PORT": str(listener.getsockname()[1]),
        "LOOPBACK_CERTIFICATE": str(certificate),
    }


def copy(source, target):
    try:
        while piece := source.recv(1 << 16):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # One of the two has hung up.


def expect(what, found, expected):
    assert found == expected, f"{what}: {found}, not {expected}"
    print(f"{what}: {len(found)} records")


if __name__ == "__main__":
    main()
