"""Sends a client that knows only the original's hosts to this machine. Read by Python before the client's own code."""

import os
import socket
import time

PORT = int(os.environ["LOOPBACK_PORT"])
BUNDLE = os.environ["LOOPBACK_CERTIFICATE"]

resolve = socket.getaddrinfo
sleep = time.sleep


def getaddrinfo(host, port, *args, **kwargs):
    if isinstance(host, str) and host.endswith(".zuora.com"):
        host, port = "127.0.0.1", PORT
    return resolve(host, port, *args, **kwargs)


socket.getaddrinfo = getaddrinfo
time.sleep = lambda seconds: sleep(min(seconds, 0.1))

try:
    import certifi
except ImportError:
    pass
else:
    certifi.where = lambda: BUNDLE
