"""Brings a client that knows only the original's hosts to this machine. Python reads it before the client's own code."""

import os
import socket
import time

import certifi

PORT = int(os.environ["LOOPBACK_PORT"])
CERTIFICATE = os.environ["LOOPBACK_CERTIFICATE"]

resolve = socket.getaddrinfo
sleep = time.sleep


def getaddrinfo(host, port, *args, **kwargs):
    if isinstance(host, str) and (host == "zuora.com" or host.endswith(".zuora.com")):
        host, port = "127.0.0.1", PORT
    return resolve(host, port, *args, **kwargs)


socket.getaddrinfo = getaddrinfo
# An argument of tap-zuora's Session.send, to which REQUESTS_CA_BUNDLE means nothing.
certifi.where = lambda: CERTIFICATE
# Clients wait a minute between two questions.
time.sleep = lambda seconds: sleep(min(seconds, 0.05))
