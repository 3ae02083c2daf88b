"""Nothing from outside ends the process: signals, and scrapers that leave."""

import json
import os
import signal
import socket
import struct
import subprocess

import pytest

from servers import BINARY, PATIENCE, Proxy, free_port, pool_config


@pytest.mark.parametrize("number", [signal.SIGPIPE, signal.SIGUSR1, signal.SIGUSR2])
def test_signals_of_other_servers_do_no_harm(fleet, client, number):
    fleet.proxy.process.send_signal(number)
    assert client.ask("PING") == b"+PONG\r\n" and fleet.proxy.alive()


def test_a_scraper_that_leaves_in_the_middle_of_metrics_ends_nobody():
    port = free_port()  # Nobody listens there: many nodes make the page long.
    nodes = [{"name": f"n{i}", "address": f"127.0.0.1:{port}"} for i in range(300)]
    config = pool_config([], health={"interval": "0s"})
    config["pools"]["main"]["nodes"] = nodes
    with Proxy(config, ready=False) as proxy, proxy.client() as client:
        for way_to_leave in ("reset", "end") * 5:
            with socket.socket() as scraper:
                scraper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                scraper.connect(("127.0.0.1", proxy.admin_port))
                scraper.sendall(b"GET /metrics HTTP/1.1\r\nHost: proxy\r\n\r\n")
                assert scraper.recv(100)
                proxy.stop()  # It finds all of it at once.
                if way_to_leave == "end":
                    scraper.shutdown(socket.SHUT_WR)
                scraper.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            proxy.cont()
            assert client.ask("PING") == b"+PONG\r\n"
        assert proxy.get("/healthz")[0] == 200


def test_a_sighup_that_comes_early_does_no_harm(tmp_path, redis):
    config = tmp_path / "ringproxy.yaml"
    os.mkfifo(config)
    process = subprocess.Popen([BINARY, "--check", "--config", str(config)], stdout=subprocess.PIPE)
    with open(config, "w") as file:  # It waits for a reader, and the process for the text.
        process.send_signal(signal.SIGHUP)
        file.write(json.dumps(pool_config([redis])))
    assert b"ok, 1 listener" in process.communicate(timeout=PATIENCE)[0] and process.returncode == 0
