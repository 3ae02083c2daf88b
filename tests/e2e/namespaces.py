"""Nodes in a network namespace of their own, whose packets can be made to vanish: no RST, no answer, no error."""

import itertools
import os
import subprocess

from servers import RedisServer

SERIAL = itertools.count()


def run(command):
    subprocess.run(command.split(), check=True, capture_output=True, text=True)


class Namespace:
    """Joined with ours by a pair of virtual Ethernet devices; `address` is its side."""

    def __init__(self):
        number = next(SERIAL)
        self.name, self.device = f"ringproxy-{os.getpid()}-{number}", f"rp{os.getpid() % 10_000_000}x{number}"
        # Of 198.18.0.0/15, which is kept for tests: four addresses for each.
        network = (os.getpid() * 16 + number) % 32_768 * 4
        prefix = f"198.{18 + (network >> 16)}.{network >> 8 & 255}"
        self.ours, self.address = f"{prefix}.{(network & 255) + 1}", f"{prefix}.{(network & 255) + 2}"

    def __enter__(self):
        run(f"ip netns add {self.name}")
        run(f"ip link add {self.device} type veth peer name eth0 netns {self.name}")
        run(f"ip addr add {self.ours}/30 dev {self.device}")
        run(f"ip link set {self.device} up")
        self._inside(f"ip addr add {self.address}/30 dev eth0")
        self._inside("ip link set eth0 up")
        return self

    def __exit__(self, *_):
        run(f"ip netns del {self.name}")  # The devices go with it.

    def _inside(self, command):
        run(f"ip netns exec {self.name} {command}")

    def swallow(self):
        """What comes in is received, what should go out vanishes."""
        self._inside(f"ip route add blackhole {self.ours}/32")

    def release(self):
        self._inside(f"ip route del blackhole {self.ours}/32")


class NamespacedRedis(RedisServer):
    def __init__(self, namespace, *arguments):
        super().__init__("--protected-mode", "no", *arguments)
        self.namespace = namespace
        self.prefix = ["ip", "netns", "exec", namespace.name]  # It replaces itself by the server: one pid.
        self.host = namespace.address
