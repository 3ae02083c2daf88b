"""A listener's password: who does not know it gets nothing, and who guesses has to wait."""

import contextlib
import json
import socket
import subprocess

import pytest
import redis as redis_py

from servers import BINARY, PATIENCE, PATIENT, Fleet, RawClient, RedisServer, encode, wait_for
from test_secrets import expect_no_secret, shown

SECRET = "hunter2-swordfish"
NOAUTH = b"-NOAUTH Authentication required.\r\n"
WRONG = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"


@pytest.fixture(scope="module")
def password_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("login") / "password"
    file.write_text(SECRET + "\n")
    return str(file)


def closed_fleet(password_file, count=1, **listener):
    return Fleet(count, listener={"password_file": password_file, **listener}, **PATIENT)


# As one write each; what is read is compared with a server that has the password.
PIPELINES = [
    "GET k, NOSUCH, GET, PING, HELLO 3, HELLO 5, HELLO x, EXEC, MULTI, SUBSCRIBE c, CLIENT NOSUCH, CLIENT REPLY OFF, SELECT 1, RESET, QUIT",
    f"AUTH wrong, AUTH a b c, AUTH app {SECRET}, GET k, AUTH {SECRET}, GET k, AUTH wrong, GET k, RESET, GET k",
    f"HELLO 3 AUTH default wrong, PING, HELLO 3 SETNAME x, HELLO 3 AUTH default {SECRET}, SELECT 2, GET k, CLIENT GETNAME, RESET, HELLO",
    f"AUTH default {SECRET}, HELLO 3, GET k, HELLO 2 AUTH default wrong, GET k",
    "SET k " + "v" * 16385 + ", GET k",
    "MGET 1 2 3 4 5 6 7 8 9 10, GET k",
]


@pytest.mark.smoke
def test_a_guest_reads_what_a_server_with_a_password_says(password_file):
    with RedisServer(password=SECRET) as plain, closed_fleet(password_file) as fleet:
        with fleet.client() as client:
            wait_for(lambda: b"\r\n7.0.0\r\n" not in client.ask("HELLO", "2", "AUTH", "default", SECRET), "the node to have told its release")
        for pipeline in PIPELINES:
            replies = []
            for port in (fleet.proxy.port, plain.port):
                with RawClient(port) as client:
                    client.send(b"".join(encode(*line.split()) for line in [*pipeline.split(", "), "QUIT"]))
                    replies.append(client.closed_by_peer())
            # Redis resets the connection of a guest that says too much, and its words may be lost with that.
            ours, theirs = (reply.split(b"$2\r\nid\r\n")[0] for reply in replies)
            assert ours == theirs or (not theirs and b"unauthenticated" in ours), pipeline
        assert fleet.nodes[0].ask("DBSIZE") == b":0\r\n"


def test_what_a_guest_was_refused_is_forgotten_with_its_login(password_file):
    with closed_fleet(password_file) as fleet, fleet.client() as client:
        assert client.ask("WATCH", "k") == NOAUTH
        assert client.ask("MULTI") == NOAUTH
        assert client.ask("AUTH", SECRET) == b"+OK\r\n"
        assert client.ask("EXEC") == b"-ERR EXEC without MULTI\r\n"
        assert client.ask("MULTI") == b"+OK\r\n"
        assert client.ask("SET", "k", "1") == b"+QUEUED\r\n"
        assert client.ask("EXEC") == b"*1\r\n+OK\r\n"


def test_libraries_log_in(password_file):
    with closed_fleet(password_file, 3) as fleet:
        for options in ({"password": SECRET}, {"password": SECRET, "username": "default"}, {"password": SECRET, "db": 4}):
            library = redis_py.Redis(port=fleet.proxy.port, decode_responses=True, **options)
            library.set("k", "v")
            assert library.get("k") == "v"
        with pytest.raises(redis_py.AuthenticationError):
            redis_py.Redis(port=fleet.proxy.port).get("k")
        with pytest.raises(redis_py.ResponseError, match="WRONGPASS"):
            redis_py.Redis(port=fleet.proxy.port, password="wrong").get("k")
        done = subprocess.run(["redis-cli", "-3", "-p", str(fleet.proxy.port), "-a", SECRET, "--no-auth-warning", "get", "k"],
                              capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "v"


def test_who_guesses_waits_and_nobody_else_does(password_file):
    with closed_fleet(password_file, listen="0.0.0.0:0") as fleet:
        with fleet.client() as guesser:
            for i in range(10):
                assert guesser.ask("AUTH", f"wrong{i}") == WRONG
        with fleet.client() as guesser:
            assert guesser.ask("AUTH", SECRET).startswith(b"-WRONGPASS too many wrong passwords from this address: try again in ")
            assert guesser.ask("GET", "k") == NOAUTH
        with RawClient(fleet.proxy.port, host="127.0.0.1") as honest:
            honest.socket.close()
            honest.socket = other_address(fleet.proxy.port)
            assert honest.ask("AUTH", SECRET) == b"+OK\r\n"
        assert fleet.proxy.metric("auth_failures_total", listener="web") == 11
        fleet.proxy.wait_for_log("gave a wrong password")


def other_address(port):
    client = socket.socket()
    client.settimeout(PATIENCE)
    client.bind(("127.0.0.9", 0))
    client.connect(("127.0.0.1", port))
    return client


def test_guests_take_no_memory(password_file):
    with closed_fleet(password_file) as fleet, contextlib.ExitStack() as stack:
        before = fleet.proxy.resident_bytes()
        flood = b"".join(encode("PING") for _ in range(20_000))
        for _ in range(50):
            guest = stack.enter_context(fleet.client())
            guest.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    guest.socket.send(flood)  # Nobody reads the replies.
        with fleet.client() as client:
            assert client.ask("AUTH", SECRET) == b"+OK\r\n"
            assert client.ask("SET", "k", "v" * 100_000) == b"+OK\r\n"
        assert fleet.proxy.resident_bytes() - before < 30 << 20


def test_nothing_shows_the_password_of_a_listener(password_file, tmp_path):
    with RedisServer() as node:
        fleet = closed_fleet(password_file)
        fleet.nodes = [node]
        fleet.config["pools"]["main"]["nodes"][0]["address"] = f"127.0.0.1:{node.port}"
        fleet.config["log"] = {"level": "debug"}
        with fleet.proxy as proxy, proxy.client() as client:
            for words in (["AUTH", "x"], ["AUTH", SECRET], ["HELLO", "3", "AUTH", "default", SECRET], ["HELLO", "2", "AUTH", "app", SECRET]):
                client.ask(*words)
            expect_no_secret({**shown(proxy), "INFO": client.ask("INFO", "everything").decode(),
                              "CONFIG": client.ask("CONFIG", "GET", "*").decode()})
        path = tmp_path / "ringproxy.yaml"
        path.write_text(json.dumps(fleet.config))
        for argument in ("--check", "--print-config"):
            done = subprocess.run([BINARY, "--config", str(path), argument], capture_output=True, text=True, timeout=PATIENCE, check=False)
            assert done.returncode == 0 and (argument == "--check" or password_file in done.stdout)
            expect_no_secret({argument: done.stdout + done.stderr})
