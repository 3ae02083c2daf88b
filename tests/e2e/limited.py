"""Proxies with rate limits, and what they say. A limit of 1/h gives nothing back while a test runs."""

import json
import os
import pwd
import re
import socket
import struct

from servers import PATIENCE, RawClient, encode, pool_config

OK = b"+OK\r\n"
HOUR_MS = 3_600_000
ACCOUNT = pwd.getpwuid(os.getuid()).pw_name


def limit(name, burst=None, rate="1/h", **more):
    return {"name": name, "rate": rate, **({} if burst is None else {"burst": burst}), **more}


def concurrency(name, most, **more):
    return {"name": name, "algorithm": "concurrency", "requests_in_flight": most, **more}


def limited(nodes, *limits, listener=None, workers=1, **pool):
    return {**pool_config(nodes, listener, **pool), "limits": list(limits), "workers": workers}


def refusal(reply):
    """The limit that refused and its milliseconds; None: it is no refusal."""
    match = re.fullmatch(rb"-RATELIMITED retry_after_ms=(-?\d+) limit=(\S+)\r\n", reply)
    assert match or not reply.startswith(b"-"), reply
    return match and (match[2].decode(), int(match[1]))


def refused_by(reply):
    return (refusal(reply) or [None])[0]


def refusers(client, *requests):
    """What each of the requests, sent at once, is refused by. One whose words hold spaces is a tuple."""
    client.send(b"".join(encode(*(request.split() if isinstance(request, str) else request)) for request in requests))
    return [refused_by(client.reply()) for _ in requests]


def decisions(proxy, name):
    """By their names, those that never came left out."""
    counts = {what: proxy.metric("limit_decisions_total", limit=name, decision=what)
              for what in ("admitted", "refused", "shadow_refused", "delayed")}
    return {what: count for what, count in counts.items() if count}


def state(proxy, name):
    """What /api/v1/limits says of it."""
    status, text = proxy.get(f"/api/v1/limits?limit={name}")
    assert status == 200
    return json.loads(text)["limits"][0]


def port_of(proxy, listener):
    return int(re.search(rf"listener {listener} listens on .*:(\d+)", proxy.log())[1])


class ClientFrom(RawClient):
    """Comes from this address."""

    def __init__(self, port, address):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE, source_address=(address, 0))
        self.buffer = b""


class UnixClient(RawClient):
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(path))
        self.buffer = b""


def vanish(client):
    """The client is gone at once, its connection reset."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()
