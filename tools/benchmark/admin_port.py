"""What a proxy says of itself."""
import http.client
import re

from .children import free_port

PATIENCE = 30


class AdminPort:
    """A free port, and what is asked there once a proxy listens."""

    def __init__(self):
        self.port = free_port()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def get(self, path):
        """Status and text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def is_ready(self):
        return self.get("/readyz")[0] == 200

    def samples(self, name):
        """Yields the labels and the value of each sample of `name`."""
        for line in self.get("/metrics")[1].splitlines():
            match = re.fullmatch(rf"ringproxy_{name}(?:\{{(.*)\}})? (\S+)", line)
            if match:
                yield dict(re.findall(r'(\w+)="([^"]*)"', match[1] or "")), float(match[2])

    def metric(self, name, **labels):
        """The sum over all samples of `name` that carry these labels."""
        return sum(value for carried, value in self.samples(name) if labels.items() <= carried.items())
