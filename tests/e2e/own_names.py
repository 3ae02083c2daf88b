"""Names of a test's own: a hosts file and name servers that nobody but its proxy sees."""

import pathlib
import socket
import struct
import tempfile
import threading

A, AAAA = 1, 28
NO_SUCH_NAME = 3


class NameServer:
    """Knows a name's IPv4 addresses; answers nothing to what it is told to ignore."""

    def __init__(self, names=None, ignored_names=(), ignored_types=()):
        self.names, self.ignored_names, self.ignored_types = names or {}, ignored_names, ignored_types
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
            found = self.names.get(name, []) if kind == A else []
            answers = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", A, 1, 1, 4) + socket.inet_aton(each) for each in found)
            code = 0 if name in self.names else NO_SUCH_NAME
            header = query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(found), 0, 0)
            self.socket.sendto(header + query[12:place + 5] + answers, peer)


class OwnNames:
    """`prefix` starts a program for which these are /etc/hosts, /etc/resolv.conf and /etc/nsswitch.conf."""

    def __init__(self, hosts="", servers=(), options="timeout:1"):
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
