"""The sets of four servers of each protocol: canned (bench_server: replies of any size for nearly no CPU) and real ones."""
import subprocess
from dataclasses import dataclass, field

from .children import answers, free_port
from .machine import wait_until

NODES = 4


@dataclass(frozen=True)
class Servers:
    title: str
    protocol: str
    aimed: bool = False  # The targets hold for these servers only.
    program: str = ""    # Also the name of its package.


SERVERS = {
    "canned": Servers("Canned-reply servers (the proxy is what saturates)", "redis", aimed=True),
    "redis": Servers("Real redis-servers", "redis", program="redis-server"),
    "canned-memcached": Servers("Canned-reply memcached (the proxy is what saturates)", "memcached", aimed=True),
    "memcached": Servers("Real memcached servers", "memcached", program="memcached"),
}


@dataclass
class Fleet:
    kind: str
    ports: list
    processes: list
    filled: set = field(default_factory=set)

    @property
    def pids(self):
        return [process.pid for process in self.processes]

    @property
    def protocol(self):
        return SERVERS[self.kind].protocol

    @property
    def addresses(self):
        return [f"127.0.0.1:{port}" for port in self.ports]


def start_fleet(kind, children, programs, cores):
    if not SERVERS[kind].program:
        return _start_canned(kind, children, programs, cores)
    ports = [free_port() for _ in range(NODES)]
    servers = [children.start(f"{kind}-{port}", COMMANDS[kind](port, children.folder), cores) for port in ports]
    for port in ports:
        wait_until(lambda port=port: answers(port), 10, f"{kind} answers on port {port}")
    return Fleet(kind, ports, servers)


COMMANDS = {
    "redis": lambda port, folder: ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                                   "--maxclients", "15000", "--loglevel", "warning", "--dir", folder],
    # As redis-server: one thread for the requests.
    "memcached": lambda port, _: ["memcached", "-u", "root", "-U", 0, "-l", "127.0.0.1", "-p", port, "-t", 1, "-c", 15000,
                                  "-m", 256],
}


def _start_canned(kind, children, programs, cores):
    server = children.start("bench_server", [programs / "bench_server", "--nodes", NODES], cores,
                            stdout=subprocess.PIPE, text=True)
    ports = [int(port) for port in server.stdout.readline().split()]
    return Fleet(kind, ports, [server])


def fill(fleet, workload, load):
    """Stores a workload's keys on every node, since haproxy sends any key anywhere. Canned servers know all keys already."""
    shape = (workload.value_bytes, workload.keys)
    if not SERVERS[fleet.kind].program or shape in fleet.filled:
        return
    for address in fleet.addresses:
        load(address, ["--protocol", fleet.protocol, "--command", "set", "--connections", 1,
                       "--pipeline", min(16, workload.keys),
                       "--requests", workload.keys, "--value-bytes", workload.value_bytes, "--keys", workload.keys])
    fleet.filled.add(shape)
