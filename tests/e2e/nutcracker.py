"""The real nutcracker (twemproxy), with pools as its own configuration describes them."""

import json
import pathlib
import socket
import subprocess
import tempfile

from servers import Process, free_port, wait_for


def _accepts(listen):
    if listen.startswith("/"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(listen.split(" ")[0])
    else:
        host, port = listen.rsplit(":", 1)
        socket.create_connection((host, int(port))).close()
    return True


class Nutcracker(Process):
    """`pools`: from a pool's name to its options, which are texts, truth values or (servers) lists of texts."""

    def __init__(self, **pools):
        super().__init__()
        self.pools = pools
        self.folder = tempfile.TemporaryDirectory()
        lines = []
        for name, options in pools.items():
            lines.append(f"{name}:")
            for option, value in options.items():
                lines += [f"  {option}:", *(f"    - {item}" for item in value)] if isinstance(value, list) else [f"  {option}: {json.dumps(value)}"]
        self.path = pathlib.Path(self.folder.name) / "nutcracker.yml"
        self.path.write_text("\n".join(lines) + "\n")
        self.command = ["nutcracker", "-c", str(self.path), "-s", str(free_port()), "-a", "127.0.0.1"]

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: all(_accepts(options["listen"]) for options in self.pools.values()), "nutcracker")

    def __exit__(self, *_):
        super().__exit__()
        self.folder.cleanup()
