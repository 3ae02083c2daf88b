"""Nodes and listeners with host names: the system's resolver is asked, and no loop waits for it."""

import contextlib
import socket
import threading
import time

import pytest

from own_names import AAAA, WITHOUT_IPV6, NameServer, OwnNames
from servers import Proxy, RawClient, RedisServer, encode, pool_config, wait_for


class LoopbackRedis(RedisServer):
    """On an address of loopback's many, called by a name."""

    def __init__(self, host, name):
        super().__init__("--protected-mode", "no")
        self.host, self.name = host, name


def proxy_of(names, *nodes, **options):
    config = pool_config(nodes, **options)
    for conf, node in zip(config["pools"]["main"]["nodes"], nodes):
        conf["address"] = f"{node.name}:{node.port}"
    return Proxy(config, ready=False, prefix=names.prefix)


class Nobody:
    """A node of which there is only the name."""

    def __init__(self, name, port=6379):
        self.name, self.port = name, port


class Everything:
    """What a name server ignores that answers nothing at all."""

    def __contains__(self, name):
        return True


@contextlib.contextmanager
def mute(host, port, closes):
    """Takes connections as a container's forwarder does whose server is elsewhere: closes them, or leaves them open."""
    taken = []

    def take():
        with contextlib.suppress(OSError):
            while True:
                taken.append(listener.accept()[0])
                if closes:
                    taken.pop().close()

    with socket.create_server((host, port)) as listener:
        threading.Thread(target=take, daemon=True).start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
    for each in taken:
        each.close()


class UnixClient(RawClient):
    def __init__(self, path):
        self.socket, self.buffer = socket.socket(socket.AF_UNIX), b""
        self.socket.connect(path)


def serves(client):
    return client.ask("SET", "a", "1") == b"+OK\r\n"


def test_the_hosts_file_is_enough_and_is_read_again_when_it_changes():
    with LoopbackRedis("127.0.53.3", "node.test") as node, OwnNames() as names, proxy_of(names, node) as proxy, proxy.client() as client:
        view = proxy.wait_for_state("r0", "down")
        assert view["detail"].startswith("cannot resolve node.test: "), view
        assert view["resolved"]["addresses"] == [] and view["resolved"]["error"] == view["detail"]
        names.set_hosts(f"{node.host} node.test\n")
        wait_for(lambda: serves(client), "the name to be found")
        resolved = proxy.node("r0")["resolved"]
        assert resolved["addresses"] == [node.host] and "error" not in resolved and resolved["at"].endswith("Z")
        node.kill()
        with LoopbackRedis("127.0.53.4", "node.test") as moved:
            moved.kill()
            moved.port = node.port
            moved.start()
            names.set_hosts(f"{moved.host} node.test\n")
            wait_for(lambda: serves(client), "the node to be found at its new address")


def test_a_misspelt_name_is_said_to_be_one():
    with NameServer() as server, OwnNames(servers=[server]) as names, proxy_of(names, Nobody("redis-tpyo.test")) as proxy:
        proxy.wait_for_log("is down: cannot resolve redis-tpyo.test: Name or service not known")
        assert "No route to host" not in proxy.log()


def test_a_name_server_that_never_answers_for_ipv6():
    with LoopbackRedis("127.0.53.3", "node.test") as node, \
            NameServer({"node.test": [node.host]}, ignored_types=[AAAA]) as server, \
            OwnNames(servers=[server], options="timeout:5") as names, proxy_of(names, node) as proxy, proxy.client() as client:
        wait_for(lambda: serves(client), "the IPv4 address to be used", 4)


def test_the_second_name_server_is_asked_when_the_first_is_silent():
    with LoopbackRedis("127.0.53.3", "node.test") as node, NameServer(ignored_names=["node.test"]) as silent, \
            NameServer({"node.test": [node.host]}) as server, OwnNames(servers=[silent, server]) as names, \
            proxy_of(names, node) as proxy, proxy.client() as client:
        wait_for(lambda: serves(client), "the second server to be asked")
        assert silent.questions


def test_another_name_server_is_asked_as_soon_as_resolv_conf_names_it():
    with LoopbackRedis("127.0.53.3", "node.test") as node, NameServer() as ignorant, \
            NameServer({"node.test": [node.host]}) as server, OwnNames(servers=[ignorant]) as names, \
            proxy_of(names, node) as proxy, proxy.client() as client:
        proxy.wait_for_state("r0", "down")
        names.set_servers([server])
        wait_for(lambda: serves(client), "the other server to be asked")


def test_the_second_address_is_used_when_the_first_swallows_packets():
    with LoopbackRedis("127.0.53.3", "node.test") as node, contextlib.ExitStack() as stack:
        hole = stack.enter_context(socket.socket())
        hole.bind(("127.0.53.2", node.port))
        hole.listen(0)
        for _ in range(4):  # Its queue is full, so that it drops what comes.
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(hole.getsockname())
        names = stack.enter_context(OwnNames(f"127.0.53.2 node.test\n{node.host} node.test\n"))
        proxy = stack.enter_context(proxy_of(names, node))
        client = stack.enter_context(proxy.client())
        wait_for(lambda: serves(client), "the second address to be used")
        assert proxy.node("r0")["resolved"]["addresses"] == ["127.0.53.2", node.host]


@pytest.mark.parametrize("closes", [True, False], ids=["closes", "is_silent"])
def test_the_second_address_is_used_when_the_first_takes_connections_and_says_nothing(closes):
    with LoopbackRedis("127.0.53.3", "node.test") as node, mute("127.0.53.2", node.port, closes), \
            OwnNames(f"127.0.53.2 node.test\n{node.host} node.test\n") as names, \
            proxy_of(names, node) as proxy, proxy.client() as client:
        wait_for(lambda: serves(client), "the second address to be used", 5)
        proxy.wait_for_state("r0", "up")
        assert proxy.node("r0")["resolved"]["addresses"] == [node.host, "127.0.53.2"]


def test_a_name_with_an_address_of_each_family_of_which_one_refuses():
    with LoopbackRedis("127.0.53.3", "node.test") as node, NameServer({"node.test": ["::1", node.host]}) as server, \
            OwnNames(servers=[server]) as names, proxy_of(names, node) as proxy, proxy.client() as client:
        wait_for(lambda: serves(client), "the IPv4 address to be used", 4)
        assert proxy.node("r0")["resolved"]["addresses"] == ["::1", node.host]


@pytest.mark.parametrize("host", ["six.test", "[::1]", "[2001:db8::1]"])
def test_a_node_of_a_family_that_this_machine_lacks_is_down(tmp_path, host):
    with OwnNames("::1 localhost\n::1 six.test\n") as names:
        config = pool_config([])
        config["pools"]["main"]["nodes"] = [{"name": "r0", "address": f"{host}:6379"}]
        config["admin"]["listen"] = config["listeners"][0]["listen"] = "localhost:0"
        config["listeners"].append({"name": "local", "listen": f"unix:{tmp_path}/socket", "pool": "main"})
        with Proxy(config, ready=False, prefix=WITHOUT_IPV6 + names.prefix) as proxy:
            proxy.wait_for_log("node r0 of pool main is down: Network is unreachable")
            with UnixClient(f"{tmp_path}/socket") as client:
                assert client.ask("GET", "a") == b"-NODEDOWN node r0 of pool main is down\r\n"
            assert "cannot be opened" not in proxy.log()


def test_the_last_addresses_do_while_no_name_server_answers():
    with LoopbackRedis("127.0.53.3", "node.test") as node, NameServer({"node.test": [node.host]}) as server, \
            OwnNames(servers=[server]) as names, proxy_of(names, node) as proxy, proxy.client() as client:
        wait_for(lambda: serves(client), "the name to be found")
        server.ignored_names = Everything()
        node.kill()
        proxy.wait_for_state("r0", "down")
        wait_for(lambda: "error" in proxy.node("r0")["resolved"], "a lookup to fail")
        node.start()
        wait_for(lambda: serves(client), "the node to be found where it was", 4)


def test_many_names_in_the_last_of_three_search_domains_behind_a_dead_name_server():
    count = 20
    with LoopbackRedis("127.0.53.3", "") as node, NameServer(ignored_names=Everything()) as dead, \
            NameServer({f"node{i}.three.test": [node.host] for i in range(count)}) as server, \
            OwnNames(servers=[dead, server], options="timeout:1 ndots:5\nsearch one.test two.test three.test") as names, \
            proxy_of(names, *(Nobody(f"node{i}", node.port) for i in range(count))) as proxy, proxy.client() as client:
        wait_for(lambda: all(client.ask("SET", f"k{i}", "v") == b"+OK\r\n" for i in range(500)), "all nodes to serve")


def test_nodes_of_one_name_ask_for_it_once():
    with LoopbackRedis("127.0.53.3", "node.test") as node, NameServer({"node.test": [node.host]}) as server, \
            OwnNames(servers=[server]) as names, proxy_of(names, *[node] * 100) as proxy, proxy.client() as client:
        wait_for(lambda: all(client.ask("SET", f"k{i}", "v") == b"+OK\r\n" for i in range(500)), "all nodes to serve")
        assert len(server.questions) <= 4  # One a family, and once more where it took more than a second.


def test_names_that_hang_hold_up_neither_others_nor_the_end():
    hanging = [Nobody(f"hangs{i}.test") for i in range(12)]
    with LoopbackRedis("127.0.53.3", "node.test") as node, \
            NameServer({"node.test": [node.host]}, ignored_names=[each.name for each in hanging]) as server, \
            OwnNames(servers=[server], options="timeout:30") as names, \
            proxy_of(names, *hanging, node) as proxy, proxy.client() as client:
        wait_for(lambda: any(client.ask("SET", f"k{i}", "v") == b"+OK\r\n" for i in range(200)), "the name that answers to be found")
        assert proxy.wait_for_state("r0", "down")["detail"] == "cannot resolve hangs0.test: no answer yet"
        start = time.monotonic()
        client.send(encode("PING"))
        assert client.reply() == b"+PONG\r\n"
        assert time.monotonic() - start < 1
        proxy.terminate()
        assert proxy.wait() == 0
        assert time.monotonic() - start < 5  # Not the half minute for which the lookups still hang.


def test_a_listener_and_the_admin_port_have_all_addresses_of_their_name():
    with RedisServer() as node, OwnNames("127.0.53.5 both.test\n127.0.53.6 both.test\n::1 both.test\n") as names:
        config = pool_config([node])
        config["listeners"][0]["listen"] = config["admin"]["listen"] = "both.test:0"
        config["admin"]["token_file"] = str(names.folder.name) + "/token"
        open(config["admin"]["token_file"], "w").write("secret\n")
        with Proxy(config, ready=False, prefix=names.prefix) as proxy:
            for host in ("127.0.53.5", "127.0.53.6") + (("::1",) if has_ipv6() else ()):
                with RawClient(proxy.port, host=host) as client:
                    wait_for(lambda: client.ask("SET", "a", "1") == b"+OK\r\n", f"the listener on {host}")
                with socket.create_connection((host, proxy.admin_port)) as admin:
                    admin.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                    assert b" 200 " in admin.recv(100)


def has_ipv6():
    with socket.socket(socket.AF_INET6) as probe, contextlib.suppress(OSError):
        probe.bind(("::1", 0))
        return True
    return False
