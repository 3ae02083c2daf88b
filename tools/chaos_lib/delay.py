"""A TCP proxy in front of a node that holds back its replies."""
import asyncio
import collections
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


class _Later:
    """Calls in the order in which they came in, each when its time has come: a shorter delay overtakes no longer one."""

    def __init__(self, delay, loop):
        self._delay, self._loop, self._waiting = delay, loop, collections.deque()

    def __call__(self, call, *arguments):
        self._waiting.append((self._loop.time() + self._delay.seconds, call, arguments))
        if len(self._waiting) == 1:
            self._run()

    def _run(self):
        while self._waiting:
            due, call, arguments = self._waiting[0]
            if due > self._loop.time():
                self._loop.call_at(due, self._run)
                return
            call(*arguments)
            self._waiting.popleft()


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
        self._client, self._later = client, _Later(delay, asyncio.get_running_loop())

    def data_received(self, data):
        self._later(self._client.transport.write, data)

    def connection_lost(self, _):
        self._later(self._client.transport.abort)
