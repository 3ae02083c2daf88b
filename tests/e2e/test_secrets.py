"""What may never be shown: passwords and other secrets, whoever says them and however they go wrong."""

import contextlib
import json
import re
import socket
import subprocess
import urllib.parse

import pytest

from binary_client import GET, packet
from loopback_server import LoopbackServer
from memcache_servers import MemcachedServer
from servers import BINARY, PATIENCE, Proxy, RedisServer, encode, pool_config, wait_for

SECRET = "hunter2-swordfish"


def shown(proxy):
    """All that the proxy shows to anybody but the client who said it."""
    pages = json.loads(proxy.get("/nothing-is-here")[1])["pages"]
    assert len(pages) >= 10
    # What asks for a question gets one that has the secret in it.
    asked = {"/api/v1/limits/explain": "?" + urllib.parse.urlencode({"command": f"AUTH {SECRET}"})}
    texts = {page: proxy.get(page + asked.get(page, ""))[1] for page in pages}
    with proxy.client() as observer:
        for command in (["INFO"], ["CLIENT", "LIST"], ["CLIENT", "INFO"]):
            texts[" ".join(command)] = observer.ask(*command).decode(errors="replace")
    return {**texts, "log": proxy.log()}


def expect_no_secret(texts, secret=SECRET):
    leaks = {where: text for where, text in texts.items() if secret in text}
    assert not leaks, leaks


def debug(config):
    return {**config, "log": {"level": "debug"}}


# A client says each of them; several are no commands at all, or have too few or too many words.
SAID = [
    ["AUTH", SECRET], ["AUTH", "default", SECRET], ["AUTH", "app", SECRET], ["AUTH", "a", "b", SECRET], ["auth", SECRET],
    ["HELLO", "2", "AUTH", "default", SECRET], ["HELLO", "2", "AUTH", "app", SECRET], ["HELLO", "3", "AUTH", "app", SECRET],
    ["HELLO", "2", "AUTH", SECRET], ["HELLO", SECRET],
    ["CONFIG", "SET", "requirepass", SECRET], ["CONFIG", "SET", "masterauth", SECRET], ["CONFIG", "SETT", "requirepass", SECRET],
    ["ACL", "SETUSER", "app", "on", f">{SECRET}", "~*", "+@all"], ["ACL", "SETUSR", "app", f">{SECRET}"],
    ["MIGRATE", "127.0.0.1", "1", "k", "0", "10", "AUTH", SECRET],
    ["MIGRATE", "127.0.0.1", "1", "k", "0", "10", "AUTH2", "app", SECRET],
    ["MIGRATE", "127.0.0.1", "1", "", "0", "10", "AUTH2", "app", SECRET, "KEYS", "k", "l"],
    ["MIGRATE", "127.0.0.1", "1", "k", "0", "10", "AUTH"], ["MIGRATE", SECRET],
    ["SENTINEL", "SET", "m", "auth-pass", SECRET], ["ATUH", SECRET], ["AUTHENTICATE", "app", SECRET],
    ["CLIENT", "SETNAM", SECRET], ["SCRIPT", SECRET], ["REPLICAOF", SECRET, "1"],
]


@pytest.mark.smoke
def test_nothing_shows_a_password_that_a_client_says(redis):
    config = debug(pool_config([redis]))
    config["limits"] = [{"name": "all", "rate": "1000/s", "per": ["client_ip", "key"]}]
    with Proxy(config) as proxy, contextlib.ExitStack() as stack:
        clients = []
        for words in SAID * 3:
            client = stack.enter_context(proxy.client())
            client.ask(*words)
            clients.append(client)  # It stays, so that CLIENT LIST tells of it.
        inline = stack.enter_context(proxy.client())
        inline.send(f"AUTH app {SECRET}\r\n".encode())
        inline.reply()
        broken = stack.enter_context(proxy.client())
        broken.send(b"*2\r\n$4\r\nAUTH\r\n$x\r\n" + SECRET.encode() + b"\r\n")
        broken.closed_by_peer()
        unbalanced = stack.enter_context(proxy.client())
        unbalanced.send(f'AUTH "{SECRET}\r\n'.encode())
        unbalanced.closed_by_peer()
        gone = stack.enter_context(proxy.client())
        gone.send(encode("AUTH", SECRET)[:-4])  # It leaves in the middle.
        gone.socket.close()
        wait_for(lambda: len(proxy.lines_about_clients()) >= 2, "the lines about what was broken")
        wait_for(lambda: "k" in proxy.get("/api/v1/hotkeys")[1].split('"biggest"')[1], "a second to pass")
        expect_no_secret(shown(proxy))


@pytest.mark.smoke
def test_nothing_shows_what_a_memcached_client_logs_in_with():
    with MemcachedServer() as node:
        config = debug(pool_config([node], listener={"protocol": "memcached"}, protocol="memcached"))
        config["listeners"].append({"name": "redis", "listen": "127.0.0.1:0", "pool": "other"})
        with RedisServer() as redis:
            config["pools"]["other"] = pool_config([redis])["pools"]["main"]
            with Proxy(config) as proxy:
                port = int(re.search(r"listener web listens on .*:(\d+)", proxy.log())[1])
                login = f"app {SECRET}".encode()
                for said in (b"set auth 0 0 %d\r\n%s\r\n" % (len(login), login), b"%s\r\n" % login,
                             b"set auth 0 0 5\r\n%s\r\n" % login, b"auth %s\r\n" % login,
                             b"set auth 0 0 nothing\r\n%s\r\n" % login, packet(0x21, b"PLAIN", value=login), packet(GET, login, b"1234")):
                    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
                        client.sendall(said)
                        assert client.recv(1000)
                proxy.wait_for_log("is malformed")
                pages = {path: proxy.get(path)[1] for path in ("/metrics", "/api/v1/hotkeys", "/api/v1/nodes")}
                expect_no_secret({**pages, "log": proxy.log()})


class Echo(LoopbackServer):
    """Whatever is said to it comes back as an error."""

    def __init__(self, before):
        super().__init__()
        self.before = before

    def serve(self, connection):
        with connection, contextlib.suppress(OSError):
            while said := connection.recv(1 << 16):
                connection.sendall(self.before + b" ".join(said.split()) + b"\r\n")


def password_pool(tmp_path, node, protocol="redis"):
    file = tmp_path / "password"
    file.write_text(SECRET + "\n")
    auth = {"username": "app", "password_file": str(file)}
    return debug(pool_config([node], listener={"protocol": protocol}, protocol=protocol, auth=auth))


def test_nothing_shows_a_nodes_password_that_the_node_repeats(tmp_path):
    # A real server that calls AUTH by another name answers with the arguments of what it does not know.
    renamed = RedisServer("--rename-command", "AUTH", "LOGIN")
    for node, protocol in ((renamed, "redis"), (Echo(b"-ERR what is "), "redis"), (Echo(b"CLIENT_ERROR "), "memcached")):
        with node, Proxy(password_pool(tmp_path, node, protocol), ready=False) as proxy:
            view = proxy.wait_for_state("r0", "down")
            assert "AUTH" in view["detail"] or "CLIENT_ERROR" in view["detail"]
            proxy.wait_for_log("is down")
            pages = json.loads(proxy.get("/nothing-is-here")[1])["pages"]
            expect_no_secret({**{page: proxy.get(page)[1] for page in pages}, "log": proxy.log()})


def test_what_prints_a_configuration_prints_no_secret(tmp_path):
    with RedisServer() as node:
        config = password_pool(tmp_path, node)
    config["admin"]["token_file"] = config["pools"]["main"]["auth"]["password_file"]
    path = tmp_path / "ringproxy.yaml"

    def run(*arguments):
        path.write_text(json.dumps(config))
        done = subprocess.run([BINARY, "--config", str(path), *arguments], capture_output=True, text=True, timeout=PATIENCE)
        return done.returncode, done.stdout + done.stderr

    code, text = run("--print-config")
    assert code == 0 and config["pools"]["main"]["auth"]["password_file"] in text
    expect_no_secret({"--print-config": text, "--check": run("--check")[1]})
    # Secrets that stand in the configuration, where none may stand.
    auth = config["pools"]["main"]["auth"]
    for wrong in ({**auth, "password": SECRET}, {**auth, "pasword_file": SECRET}, SECRET, [SECRET]):
        config["pools"]["main"]["auth"] = wrong
        for arguments in (["--check"], []):
            code, text = run(*arguments)
            assert code == 1 and "auth" in text
            expect_no_secret({str(wrong): text})
    config["pools"]["main"]["auth"] = auth
    for address in (f"redis://app:{SECRET}@127.0.0.1:6379", f"{SECRET}@127.0.0.1:6379"):
        config["pools"]["main"]["nodes"] = [address]
        by_option = subprocess.run([BINARY, "--redis", address], capture_output=True, text=True, timeout=PATIENCE)
        code, text = run("--check")
        assert code == 1 and by_option.returncode != 0
        expect_no_secret({"address": text, "--redis": by_option.stdout + by_option.stderr})
