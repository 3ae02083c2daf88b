"""What the clients talk to: ringproxy in front of one node or three, or, to try the tests themselves, a server without it."""

import contextlib
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from memcache_servers import MemcachedServer  # noqa: E402
from servers import PATIENT, Proxy, RedisServer, free_port, pool_config  # noqa: E402

PASSWORD = "open-sesame"


class Target(contextlib.ExitStack):
    """`servers` are what clients connect to, `nodes` have the data; without ringproxy they are the same."""

    def start(self, nodes, servers):
        self.nodes, self.servers = nodes, servers
        with contextlib.ExitStack() as started:  # If one of them cannot start, nobody else ends the others.
            for process in [*nodes, *(server for server in servers if server not in nodes)]:
                started.enter_context(process)
            self.enter_context(started.pop_all())
        return self

    def environment(self):
        return {"PORT": str(self.port)}

    def restart_nodes(self):
        self._restart(self.nodes)
        for server in self.servers:
            if isinstance(server, Proxy):
                for number in range(len(self.nodes)):
                    server.wait_for_state(f"r{number}", "up")

    def restart_server(self):
        self._restart(self.servers)

    def kill_node(self):
        """The first, which everybody has seen when this returns; it comes back with a restart of all."""
        self.nodes[0].kill()
        for server in self.servers:
            if isinstance(server, Proxy):
                server.wait_for_state("r0", "down")

    def _restart(self, processes):
        for process in processes:
            process.kill()
        for process in processes:
            process.start()


class RedisTarget(Target):
    """Two ports: one for everybody and one that wants a password."""

    def __init__(self, count):
        super().__init__()
        if not count:
            servers = [RedisServer(), RedisServer(password=PASSWORD)]
            self.port, self.secured_port = (server.port for server in servers)
            self.start(servers, servers)
            return
        self.port, self.secured_port = free_port(), free_port()
        nodes = [RedisServer() for _ in range(count)]
        secret = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory())) / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o600)
        config = pool_config(nodes, {"listen": f"127.0.0.1:{self.port}"}, **PATIENT)
        config["listeners"].append({"name": "secured", "listen": f"127.0.0.1:{self.secured_port}", "pool": "main", "password_file": str(secret)})
        self.start(nodes, [Proxy(config)])

    def environment(self):
        return {**super().environment(), "SECURED_PORT": str(self.secured_port), "PASSWORD": PASSWORD}

    def flush(self):
        for node in self.nodes:
            node.ask("FLUSHALL")
            node.ask("SCRIPT", "FLUSH")


class MovingTarget(Target):
    """Two proxies before the same nodes. A restart of the server is one of the first, which sends its clients to the second and has to see
    them leave long before its time is over; whom it has only disconnected finds its next process."""

    def __init__(self, count):
        super().__init__()
        nodes = [RedisServer() for _ in range(count)]
        self.port, port = free_port(), free_port()
        first, second = (Proxy(pool_config(nodes, {"listen": f"127.0.0.1:{p}"}, **PATIENT)) for p in (self.port, port))
        first.config.update(advertise=f"127.0.0.1:{port}", drain_timeout="1h")
        self.start(nodes, [first, second])

    def restart_server(self):
        self.servers[0].terminate()
        assert self.servers[0].wait() == 0
        self.servers[0].start()


class QueueTarget(Target):
    """Nodes that remember what they had when they are killed, and groups for the names that a framework gives its keys."""

    def __init__(self, count, groups, **pool):
        super().__init__()
        nodes = [RedisServer("--appendonly", "yes", "--appendfsync", "no") for _ in range(count or 1)]
        if not count:
            self.port = nodes[0].port
            self.start(nodes, nodes)
            return
        self.port = free_port()
        self.start(nodes, [Proxy(pool_config(nodes, {"listen": f"127.0.0.1:{self.port}"}, groups=groups, **pool, **PATIENT))])


class MemcachedTarget(Target):
    def __init__(self, count, **pool):
        super().__init__()
        nodes = [MemcachedServer() for _ in range(count or 1)]
        if not count:
            self.port = nodes[0].port
            self.start(nodes, nodes)
            return
        self.port = free_port()
        config = pool_config(nodes, {"listen": f"127.0.0.1:{self.port}", "protocol": "memcached"}, protocol="memcached", **pool, **PATIENT)
        self.start(nodes, [Proxy(config)])

    def flush(self):
        for node in self.nodes:
            node.ask("flush_all")
