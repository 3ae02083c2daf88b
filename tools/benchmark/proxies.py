"""The proxies that are compared: how each is configured for the same four servers and how its process is started."""
import socket
import subprocess
from dataclasses import dataclass

from .children import answers, free_port
from .machine import open_files, wait_until

RINGPROXY, TWEMPROXY, HAPROXY = "ringproxy", "twemproxy", "haproxy"
AGAINST = "before"  # Another ringproxy, by --against.
READY_SECONDS = 10
PROBE_KEYS = 64


@dataclass
class Proxy:
    name: str
    address: str
    process: subprocess.Popen
    files_at_start: int

    @property
    def pid(self):
        return self.process.pid


def _ringproxy(programs, listen, extra, fleet, _files, pool=()):
    config = "\n".join([
        "workers: 1", f"admin: {{listen: 127.0.0.1:{extra}}}", "listeners:",
        f"  - {{name: bench, listen: 127.0.0.1:{listen}, protocol: {fleet.protocol}, max_connections: 20000, "
        "pool: bench}",
        "pools:", "  bench:", f"    protocol: {fleet.protocol}", *pool, "    nodes:",
        *[f"      - {node}" for node in fleet.addresses], ""])
    return config, lambda path: [programs / "ringproxy", "--config", path]


def _twemproxy(_programs, listen, extra, fleet, _files):
    config = "\n".join([
        "bench:", f"  listen: 127.0.0.1:{listen}", "  hash: fnv1a_64", "  distribution: ketama",
        f"  redis: {str(fleet.protocol == 'redis').lower()}",
        "  preconnect: true", "  auto_eject_hosts: false", "  timeout: 400", "  backlog: 4096", "  servers:",
        *[f"   - {node}:1" for node in fleet.addresses], ""])
    return config, lambda path: ["nutcracker", "-c", path, "-a", "127.0.0.1", "-s", extra, "-v", 2]


def _haproxy(_programs, listen, _extra, fleet, files):
    # In TCP mode every client connection has a server connection of its own, so half of the files are for clients.
    config = "\n".join([
        "global", "  nbthread 1", f"  maxconn {files // 2 - 100}", "defaults", "  mode tcp",
        "  timeout connect 5s", "  timeout client 1h", "  timeout server 1h",
        "frontend clients", f"  bind 127.0.0.1:{listen} backlog 4096", "  default_backend nodes",
        "backend nodes", "  balance roundrobin",
        *[f"  server node{index} {node}" for index, node in enumerate(fleet.addresses)], ""])
    return config, lambda path: ["haproxy", "-db", "-f", path]


# name -> (maker of configuration and command, most clients for so many open files, how it tells its version)
KINDS = {
    RINGPROXY: (_ringproxy, lambda files: files - 200, None),
    TWEMPROXY: (_twemproxy, lambda files: files - 200, ["nutcracker", "-V"]),
    HAPROXY: (_haproxy, lambda files: files // 2 - 200, ["haproxy", "-v"]),
}
PROGRAMS = {TWEMPROXY: "nutcracker", HAPROXY: "haproxy"}  # also the names of the packages


def client_limit(name, files):
    return KINDS[name][1](files)


def version(name, programs):
    command = KINDS[name][2] or [programs / "ringproxy", "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    words = (said.stdout + said.stderr).split("\n")[0].split()
    return next((word.split("-")[-1] if name == TWEMPROXY else word for word in words if any(map(str.isdigit, word))), "?")


def add_another(binary):
    """The ringproxy `binary` joins the comparison as AGAINST."""
    def configure(programs, *rest):
        return _ringproxy(programs, *rest)[0], lambda path: [binary, "--config", path]

    KINDS[AGAINST] = (configure, KINDS[RINGPROXY][1], [binary, "--version"])


def start_proxy(name, fleet, children, programs, cores, files):
    listen, extra = free_port(), free_port()
    config, command = KINDS[name][0](programs, listen, extra, fleet, files)
    return _start(name, config, command, listen, fleet, children, cores, READY_SECONDS)


def start_ringproxy(fleet, children, programs, cores, pool, under, seconds):
    """With more options of its pool, and run by the command `under`."""
    listen, extra = free_port(), free_port()
    config, command = _ringproxy(programs, listen, extra, fleet, 0, pool)
    return _start(RINGPROXY, config, lambda path: [*under, *command(path)], listen, fleet, children, cores, seconds)


def _start(name, config, command, listen, fleet, children, cores, seconds):
    path = children.folder / f"{name}.conf"
    path.write_text(config)
    process = children.start(name, command(path), cores)

    def ready():
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended at once; see {children.folder / (name + '.log')}")
        return answers(listen) and _serves(listen, fleet.protocol)

    wait_until(ready, seconds, f"{name} serves")
    return Proxy(name, f"127.0.0.1:{listen}", process, open_files(process.pid))


# A read of a key and how its answer starts.
PROBES = {
    "redis": (b"*2\r\n$3\r\nGET\r\n$9\r\ns16:%05d\r\n", b"$"),
    "memcached": (b"get s16:%05d\r\n", (b"VALUE", b"END")),
}


def _serves(port, protocol):
    """Whether keys of every node are answered without an error: the connections to all nodes stand."""
    with socket.create_connection(("127.0.0.1", port), timeout=READY_SECONDS) as client:
        request, answer = PROBES[protocol]
        for key in range(PROBE_KEYS):
            client.sendall(request % key)
            if not client.recv(4096).startswith(answer):
                return False
    return True
