"""Peers that vanish without a word, on both sides."""

import pathlib
import subprocess

from namespaces import Namespace, NamespacedRedis
from servers import Fleet, Proxy, RedisServer, pool_config, wait_for

CLIENT = """
import socket, sys
client = socket.create_connection((sys.argv[1], int(sys.argv[2])))
client.sendall(b"PING\\r\\n")
print(client.recv(7), flush=True)
sys.stdin.read()
"""


def timers(select):
    """Of the established TCP connections of this machine that are selected by their (local, remote) ports: the kind of
    timer that runs (2: keepalive) and the seconds that are left."""
    found = []
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        local, remote = (int(address.split(":")[1], 16) for address in words[1:3])
        if words[3] == "01" and select(local, remote):
            kind, left = words[5].split(":")
            found.append((int(kind, 16), int(left, 16) / 100))
    return found


def test_both_sides_are_looked_after_by_default():
    with Fleet(1) as fleet, fleet.client() as client:
        assert client.ask("SET", "k", "v") == b"+OK\r\n"
        for select in (lambda local, _: local == fleet.proxy.port, lambda _, remote: remote == fleet.nodes[0].port):
            found = wait_for(lambda: (now := timers(select)) and all(kind == 2 for kind, _ in now) and now, "the timers")
            assert all(50 < left <= 60 for _, left in found), found


def test_it_can_be_switched_off():
    with Fleet(1, listener={"keepalive": "0s"}, keepalive="0s") as fleet, fleet.client() as client:
        assert client.ask("SET", "k", "v") == b"+OK\r\n"
        for select in (lambda local, _: local == fleet.proxy.port, lambda _, remote: remote == fleet.nodes[0].port):
            wait_for(lambda: {kind for kind, _ in timers(select)} == {0}, "no timers")


def test_a_node_that_vanishes_is_given_up_though_nobody_asks_it():
    with Namespace() as there, NamespacedRedis(there) as node:
        with Proxy(pool_config([node], keepalive="1s", health={"interval": "0s"})) as proxy:
            assert proxy.metric("node_up") == 1
            there.swallow()
            wait_for(lambda: proxy.metric("node_up") == 0, "the loss")


def test_a_client_that_vanishes_is_forgotten():
    with Namespace() as there, RedisServer() as node:
        config = pool_config([node], listener={"listen": f"{there.ours}:0", "keepalive": "1s"})
        with Proxy(config) as proxy:
            command = ["ip", "netns", "exec", there.name, "python3", "-c", CLIENT, there.ours, str(proxy.port)]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
                assert b"PONG" in client.stdout.readline()
                assert proxy.metric("worker_sessions") == 1
                there.swallow()
                wait_for(lambda: proxy.metric("worker_sessions") == 0, "the loss")
                client.stdin.close()
