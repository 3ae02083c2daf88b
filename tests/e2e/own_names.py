"""Names of a test's own: a hosts file and name servers that nobody but its proxy sees."""

import contextlib
import pathlib
import socket
import struct
import tempfile
import threading

A, AAAA = 1, 28
NO_SUCH_NAME = 3


def packed_address(family, text):
    """Its bytes; None when it is of another family."""
    with contextlib.suppress(OSError):
        return socket.inet_pton(family, text)


class NameServer:
    """Knows names' addresses; answers nothing to what it is told to ignore, and everything only after `delay` seconds."""

    def __init__(self, names=None, ignored_names=(), ignored_types=(), delay=0):
        self.names, self.ignored_names, self.ignored_types, self.delay = names or {}, ignored_names, ignored_types, delay
        self.questions = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address = self._bind()

    def _bind(self):
        """The system's resolver asks port 53 alone: the first address of loopback's many where that is free."""
        for number in range(1, 255):
            address = f"127.53.0.{number}"
            try:
                self.socket.bind((address, 53))
                return address
            except OSError:
                continue
        raise OSError("no address for a name server")

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _serve(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(512)
            except OSError:
                return
            place, labels = 12, []
            while query[place]:
                labels.append(query[place + 1:place + 1 + query[place]].decode().lower())
                place += query[place] + 1
            name, (kind,) = ".".join(labels), struct.unpack("!H", query[place + 1:place + 3])
            self.questions.append((name, kind))
            if name in self.ignored_names or kind in self.ignored_types:
                continue
            answer = self._answer(query, query[12:place + 5], name, kind)
            if self.delay:
                threading.Timer(self.delay, self._send, (answer, peer)).start()
            else:
                self._send(answer, peer)

    def _answer(self, query, question, name, kind):
        family = socket.AF_INET6 if kind == AAAA else socket.AF_INET
        found = [packed for each in self.names.get(name, []) if kind in (A, AAAA) and (packed := packed_address(family, each))]
        answers = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 1, len(each)) + each for each in found)
        code = 0 if name in self.names else NO_SUCH_NAME
        return query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(found), 0, 0) + question + answers

    def _send(self, answer, peer):
        with contextlib.suppress(OSError):  # It may be closed by now.
            self.socket.sendto(answer, peer)


# Starts a program in a network of its own, of loopback alone and without IPv6.
WITHOUT_IPV6 = ["unshare", "--net", "sh", "-c",
                'ip link set lo up && echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && exec "$@"', "sh"]


class OwnNames:
    """`prefix` starts a program for which these are /etc/hosts, /etc/resolv.conf and /etc/nsswitch.conf."""

    def __init__(self, hosts="", servers=(), options="timeout:1"):
        """`options`: of resolv.conf; further lines may follow."""
        self.folder = tempfile.TemporaryDirectory()
        self.set_hosts(hosts)
        self.set_servers(servers, options)
        self._file("nsswitch.conf").write_text("hosts: files dns\n")
        mounts = " && ".join(f"mount --bind {self._file(name)} /etc/{name}" for name in ("hosts", "resolv.conf", "nsswitch.conf"))
        self.prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-c", mounts + ' && exec "$@"', "sh"]

    def _file(self, name):
        return pathlib.Path(self.folder.name) / name

    def set_hosts(self, lines):
        """In place: what is mounted is the file and not its name."""
        self._file("hosts").write_text("127.0.0.1 localhost\n" + lines)

    def set_servers(self, servers, options="timeout:1"):
        lines = "".join(f"nameserver {each.address}\n" for each in servers)
        self._file("resolv.conf").write_text(lines + f"options {options}\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()
