"""What is measured and what is to be reached. Targets are ringproxy's figure, or its ratio to twemproxy's."""
from dataclasses import dataclass
from typing import Optional

from .proxies import AGAINST, RINGPROXY

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    protocol: str = "redis"
    command: str = "get"
    connections: int = 50
    pipeline: int = 1
    value_bytes: int = 64
    mget_keys: int = 16
    keys: int = 10_000
    rate: int = 0
    resp3: bool = False
    binary: bool = False
    cpu_ratio: Optional[float] = None  # at most this share of twemproxy's CPU per request
    calls: Optional[float] = None      # at most so many system calls per request
    p99_ratio: Optional[float] = None  # at most this share of twemproxy's p99

    def load_arguments(self):
        protocol = self.protocol + ("-binary" if self.binary else "")
        arguments = ["--protocol", protocol, "--command", self.command, "--mget-keys", self.mget_keys,
                     "--connections", self.connections, "--pipeline", self.pipeline,
                     "--value-bytes", self.value_bytes, "--keys", self.keys]
        return arguments + (["--rate", self.rate] if self.rate else []) + (["--resp3"] if self.resp3 else [])

    def is_served_by(self, proxy):
        """Neither twemproxy nor anything older knows RESP3, transactions or memcached's binary protocol."""
        return proxy in (RINGPROXY, AGAINST) or not (self.resp3 or self.binary or self.command == "multi")


WORKLOADS = [
    Workload("get-64", "GET 64 B, 50 clients", cpu_ratio=0.90, calls=3.0),
    Workload("get-64-p16", "GET 64 B, 50 clients, pipelined 16", pipeline=16, cpu_ratio=0.60, calls=0.2),
    Workload("set-64-p16", "SET 64 B, 50 clients, pipelined 16", command="set", pipeline=16, cpu_ratio=0.60, calls=0.2),
    Workload("get-4k-p8", "GET 4 KiB, 50 clients, pipelined 8", pipeline=8, value_bytes=4 * KIB, keys=1_000,
             cpu_ratio=0.85),
    Workload("mget-16-p8", "MGET of 16 keys, 50 clients, pipelined 8", command="mget", pipeline=8, cpu_ratio=0.60),
    Workload("get-64-c1000", "GET 64 B, 1,000 clients", connections=1_000),
    Workload("get-1m", "GET 1 MiB, 8 clients", connections=8, value_bytes=MIB, keys=16, cpu_ratio=0.75),
    Workload("set-1m", "SET 1 MiB, 8 clients", command="set", connections=8, value_bytes=MIB, keys=16, cpu_ratio=0.75),
    Workload("open-20k", "GET 64 B, open loop, 20,000/s", rate=20_000, p99_ratio=1.0),
    Workload("get-64-p16-resp3", "GET 64 B, 50 clients, pipelined 16, RESP3", pipeline=16, resp3=True),
    Workload("get-64-p5", "GET 64 B, 50 clients, pipelined 5", pipeline=5),
    Workload("multi-5", "MULTI, 5 GET of 64 B, EXEC, 50 clients", command="multi", mget_keys=5),
    Workload("mc-get-64", "get 64 B, 50 clients", "memcached", cpu_ratio=0.90, calls=3.0),
    Workload("mc-get-64-p16", "get 64 B, 50 clients, pipelined 16", "memcached", pipeline=16, cpu_ratio=0.60),
    Workload("mc-get-64-p16-binary", "get 64 B, 50 clients, pipelined 16, binary", "memcached", pipeline=16, binary=True),
    Workload("mc-set-64", "set 64 B, 50 clients", "memcached", command="set", cpu_ratio=0.90, calls=3.0),
    Workload("mc-set-64-p16", "set 64 B, 50 clients, pipelined 16", "memcached", command="set", pipeline=16,
             cpu_ratio=0.60),
    Workload("mc-get-100", "get of 100 keys, 50 clients", "memcached", command="mget", mget_keys=100, cpu_ratio=0.60),
]
QUICK = ["get-64", "get-64-p16"]

# Memory is measured on fresh processes, apart from the rounds (see memory.py).
IDLE, BURST = "idle", "burst"
MEMORY = [IDLE, BURST]
IDLE_CONNECTIONS = 10_000
IDLE_BYTES_TARGET = 1024     # resident bytes per idle connection
BURST_RATIO_TARGET = 1.20    # resident size after a burst of 1 MiB values, against before
WARM_UP = Workload("warm-up", "", connections=50, pipeline=4)
BURSTS = [Workload("burst-get", "", connections=50, value_bytes=MIB, keys=16),
          Workload("burst-set", "", command="set", connections=50, value_bytes=MIB, keys=16)]
