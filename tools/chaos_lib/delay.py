"""A TCP proxy in front of a node that holds back its replies."""
import asyncio
import threading


class Delay:
    """Passes everything on at once; replies `seconds` later from the moment that hold() says so. Runs in a thread."""

    def __init__(self):
        self.seconds = 0.0
        self.port = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._listens = threading.Event()

    def start(self, target):
        self._target = target
        self._thread.start()
        self._listens.wait()
        return self.port

    def hold(self, seconds):
        self.seconds = seconds

    def stop(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(self._loop.create_server(lambda: _Client(self), "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._listens.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    def connect(self, client):
        return self._loop.create_task(self._loop.create_connection(lambda: _Server(self, client), "127.0.0.1", self._target))

    def later(self, call, *arguments):
        """Calls keep their order as long as the delay does not shrink by more than lies between them."""
        if self.seconds:
            self._loop.call_later(self.seconds, call, *arguments)
        else:
            call(*arguments)


class _Client(asyncio.Protocol):
    """The connection that the proxy has opened."""

    def __init__(self, delay):
        self._delay, self._server, self._early = delay, None, []

    def connection_made(self, transport):
        self.transport = transport
        self._delay.connect(self).add_done_callback(self._connected)

    def _connected(self, task):
        if task.cancelled() or task.exception():
            return self.transport.abort()
        self._server = task.result()[0]
        self._server.writelines(self._early)

    def data_received(self, data):
        if self._server:
            self._server.write(data)
        else:
            self._early.append(data)

    def connection_lost(self, _):
        if self._server:
            self._server.abort()


class _Server(asyncio.Protocol):
    """The connection to the node behind it."""

    def __init__(self, delay, client):
        self._delay, self._client = delay, client

    def data_received(self, data):
        self._delay.later(self._client.transport.write, data)

    def connection_lost(self, _):
        self._delay.later(self._client.transport.abort)
