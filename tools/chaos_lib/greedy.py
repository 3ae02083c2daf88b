"""A client that pipelines requests for large values, and what a small one beside it waits: at the server itself and
through the proxy, where both share a connection to the node."""
import multiprocessing
import socket
import time

from .fleet import Client, encode, key_of
from .load import MS, Requests
from .scenarios import Row

LARGE_BYTES = 900_000
DEPTH = 64
SECONDS = 4
MOST_MS = 20
MOST_FACTOR = 1.5


def _ask_for_more(port, key, stop):
    """Has DEPTH requests under way all the time, and throws away what comes."""
    reply = len(b"$%d\r\n" % LARGE_BYTES) + LARGE_BYTES + 2
    request, room = encode("GET", key), memoryview(bytearray(1 << 20))
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request * DEPTH)
        unread = DEPTH * reply
        while not stop.is_set():
            unread -= connection.recv_into(room)
            if missing := DEPTH - -(-unread // reply):
                connection.sendall(request * missing)
                unread += missing * reply


def _beside(port, large, small):
    """The requests of a client that asks for `small` one after the other, beside a greedy one."""
    stop = multiprocessing.Event()
    greedy = multiprocessing.Process(target=_ask_for_more, args=(port, large, stop), daemon=True)
    greedy.start()
    rows = []
    try:
        with Client(port) as client:
            end = time.monotonic_ns() + (SECONDS + 1) * 1000 * MS
            while (started := time.monotonic_ns()) < end:
                reply = client.ask("GET", small)
                rows.append((started, time.monotonic_ns(), reply.split()[0][1:] if reply.startswith("-") else ""))
    finally:
        stop.set()
        greedy.join()
    return Requests(rows).between(rows[0][0] + 1000 * MS, end)


def greedy(bench):
    with bench.fleet(workers=1) as fleet:
        node = fleet.nodes[0]
        large, small = (key_of(number) for number in node.numbers[:2])
        with Client(node.port) as client:
            client.ask("SET", large, "x" * LARGE_BYTES)
            client.ask("SET", small, "1")
        direct = _beside(node.port, large, small)
        before = fleet.admin.metric("node_bytes_received_total", node=node.name)
        shared = _beside(fleet.port, large, small)
        moved = fleet.admin.metric("node_bytes_received_total", node=node.name) - before
        was, became = direct.latency_ms(0.99), shared.latency_ms(0.99)
        most = max(MOST_FACTOR * was, MOST_MS)
        errors = shared.failed()
        return [
            Row("p99 of a small client beside a greedy one", f"≤ {most:.1f} ms ({MOST_FACTOR} × of at the server, or {MOST_MS} ms)",
                f"{became:.2f} ms; at the server {was:.2f} ms (p50 {shared.latency_ms(0.5):.2f} and {direct.latency_ms(0.5):.2f} ms)",
                became <= most, {"direct_ms": was, "shared_ms": became, "requests": len(shared)}),
            Row("its errors", "0", f"{len(errors)} of {len(shared):,}", len(errors) == 0, {"errors": errors.words()}),
            Row("what the greedy one gets", "–", f"{moved / (SECONDS + 1) / 1e6:,.0f} MB a second"),
        ]
