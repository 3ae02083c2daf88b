"""ringskew with input that somebody else wrote: endless lines, keys that a terminal obeys, pages of no proxy."""

import contextlib
import csv
import io
import os
import re
import socket
import subprocess
import threading

from ringskew_runs import RINGSKEW, run


def test_a_line_without_an_end_does_not_stand_in_memory():
    """100 MB without a line end through a pipe, as key, as CSV and within quotes: an error with its line, and little memory."""
    for head, arguments in ((b"a\n", []), (b"key,n\na,1\n", ["--key-column", "key"]), (b'key,n\n"', ["--key-column", "key"])):
        process = subprocess.Popen([RINGSKEW, "--nodes", "a,b", "--keys", "-", *arguments], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(head)
            for _ in range(100):
                process.stdin.write(b"x" * 1_000_000)
            process.stdin.flush()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        error = process.stderr.read()
        process.stdout.close()
        process.stderr.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 1 and error.startswith(f"ringskew: -:{head.count(10) + 1}: the line ".encode()), error
        assert b"1 MiB" in error and usage.ru_maxrss < 64 * 1024, usage.ru_maxrss


def test_no_key_is_obeyed_by_a_terminal_or_a_browser(tmp_path):
    keys = [b"\x1b]0;owned\x07\x1b[2J", b"<script>alert(1)</script>", b"\xff\xfe\x00", "\u009b2J\u202ertl".encode(),
            b'a"b\'c&d', b"=cmd|' /C calc'!A0"]
    (tmp_path / "k").write_bytes(b"".join(key + b"\n" for key in keys for _ in range(500)) +
                                 b"".join(b"n%d\n" % i for i in range(2000)))
    for form in ("table", "csv", "html", "json"):
        # Names of nodes come from a command line here, and from anybody's configuration elsewhere.
        done = run("--nodes", "a\x1b[2J,b,<i>", "--keys", tmp_path / "k", "--format", form)
        text = done.stdout.decode("utf-8")
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text), form
        assert form != "html" or ("<script" not in text and "<i>" not in text)
    assert len(list(csv.reader(io.StringIO(run("--nodes", 'a"x,b', "--keys", tmp_path / "k", "--format", "csv").stdout.decode())))) == 3
    error = run("--nodes", "a", "--keys", "-", stdin=b"k\t\x1b[2J" + b"z" * 300_000 + b"\n", code=1).stderr
    assert b"\x1b" not in error and len(error) < 300


def test_live_takes_no_page_for_what_it_is_not():
    """What answers is no proxy: words and an exit code, whatever it says."""
    nodes = '[{"name": "a", "weight": 1, "share": 1}]'
    pool = f'{{"name": "p", "nodes": {nodes}, "ring": {{"virtual_nodes": 8, "hash_tag": "", "algorithm": "vnode", "hash": "xxh3"}}}}'
    pages = ["[]", "{}", '{"pools": 5}', '{"pools": [{}]}', f'{{"pools": [{pool}]}}', "nonsense", '{"pools": [{"name": 7}]}',
             f'{{"pools": [{pool.replace(nodes, "[]")}]}}', '{"error": "\\u001b[2J"}', '{"error": 5}']
    for page in pages:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def serve():
                with contextlib.suppress(OSError):
                    while True:
                        connection, _ = listener.accept()
                        with connection:
                            connection.recv(1 << 16)
                            connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + page.encode())
            server = threading.Thread(target=serve)
            server.start()
            done = run("--live", f"http://127.0.0.1:{listener.getsockname()[1]}", code=1)
            listener.shutdown(socket.SHUT_RDWR)
            server.join()
        assert done.stderr.startswith(b"ringskew: http://127.0.0.1:") and b"\x1b" not in done.stderr, page
