"""The two sets of four servers: canned (bench_server: replies of any size for nearly no CPU) and real redis-servers."""
import subprocess
from dataclasses import dataclass, field

from .children import answers, free_port
from .machine import wait_until

NODES = 4


@dataclass
class Fleet:
    kind: str
    ports: list
    pids: list
    filled: set = field(default_factory=set)

    @property
    def addresses(self):
        return [f"127.0.0.1:{port}" for port in self.ports]


def start_fleet(kind, children, programs, cores):
    return {"canned": _start_canned, "redis": _start_redis}[kind](children, programs, cores)


def _start_canned(children, programs, cores):
    server = children.start("bench_server", [programs / "bench_server", "--nodes", NODES], cores,
                            stdout=subprocess.PIPE, text=True)
    ports = [int(port) for port in server.stdout.readline().split()]
    return Fleet("canned", ports, [server.pid])


def _start_redis(children, _programs, cores):
    ports = [free_port() for _ in range(NODES)]
    servers = [
        children.start(f"redis-{port}", ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
                                         "--appendonly", "no", "--maxclients", "15000", "--loglevel", "warning",
                                         "--dir", children.folder], cores)
        for port in ports
    ]
    for port in ports:
        wait_until(lambda port=port: answers(port), 10, f"redis-server answers on port {port}")
    return Fleet("redis", ports, [server.pid for server in servers])


def fill(fleet, workload, load):
    """Stores a workload's keys on every node, since haproxy sends any key anywhere. Canned servers know all keys already."""
    shape = (workload.value_bytes, workload.keys)
    if fleet.kind == "canned" or shape in fleet.filled:
        return
    for address in fleet.addresses:
        load(address, ["--command", "set", "--connections", 1, "--pipeline", min(16, workload.keys),
                       "--requests", workload.keys, "--value-bytes", workload.value_bytes, "--keys", workload.keys])
    fleet.filled.add(shape)
