"""Many elements, and many clients that wait for them at several nodes: none is lost, doubled or moved."""

import random
import threading

import pytest

from servers import Fleet, PATIENT, blocked, encode, wait_for


class Workers:
    """Clients that pop from several lists, some of which leave between two waits."""

    def __init__(self, fleet, commands, keys, many=8):
        self.fleet, self.commands, self.keys = fleet, commands, keys
        self.popped, self.lost, self.lock, self.stop = [], 0, threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self._work, args=(seed,)) for seed in range(many)]
        for thread in self.threads:
            thread.start()

    def _work(self, seed):
        choice = random.Random(seed)
        client = self.fleet.client()
        while not self.stop.is_set():
            if choice.random() < 0.05:
                client.socket.close()
                client = self.fleet.client()
            command = choice.choice(self.commands)
            names = choice.sample(self.keys, choice.randrange(2, 4))
            reply = client.ask(command, *names, "0.05")
            with self.lock:
                if reply.startswith(b"*") and reply != b"*-1\r\n":
                    self.popped.append(reply.split(b"\r\n")[4])
                elif reply != b"*-1\r\n":
                    assert reply.startswith((b"-ERR r", b"-NODE", b"-LOADING", b"-TIMEOUT")), reply
                    self.lost += b"lost while waiting" in reply
                    self.stop.wait(0.01)
        client.socket.close()

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        return self.popped


def rest_of(client, key, command):
    reply = client.ask(command, key, "0", "-1")
    return reply.split(b"\r\n")[2::2][:int(reply[1:reply.index(b"\r")])]


@pytest.mark.parametrize("commands,push,rest", [(["BLPOP", "BRPOP"], "RPUSH", "LRANGE"),
                                                (["BZPOPMIN", "BZPOPMAX"], "ZADD", "ZRANGE")], ids=["lists", "sorted sets"])
def test_every_element_is_read_once_or_still_there(three, keys, commands, push, rest):
    names = list(keys.values())
    workers = Workers(three, commands, names)
    with three.client() as pusher:
        for i in range(3000):
            pusher.send(encode("RPUSH", names[i % 3], str(i)) if push == "RPUSH" else encode("ZADD", names[i % 3], i, i))
            assert pusher.reply().startswith(b":")
    popped = workers.end()
    assert len(popped) > 100
    with three.client() as client:
        for name in names:
            popped += rest_of(client, name, rest)
    assert sorted(popped, key=int) == [b"%d" % i for i in range(3000)]


def test_entries_of_groups_are_all_read_once_and_none_is_left_unread_with_its_consumer(three, keys):
    names = list(keys.values())
    with three.client() as pusher:
        for name in names:
            assert pusher.ask("XGROUP", "CREATE", name, "g", "$", "MKSTREAM") == b"+OK\r\n"
        read, stop = [], threading.Event()

        def consume(number):
            with three.client() as client:
                while not stop.is_set():
                    # RESP2: an array of streams, each a name and its entries.
                    reply = client.ask("XREADGROUP", "GROUP", "g", f"n{number}", "COUNT", "2", "BLOCK", "30",
                                       "STREAMS", *names, ">", ">", ">")
                    read.extend(word for word in reply.split(b"\r\n") if word.startswith(b"e-"))

        threads = [threading.Thread(target=consume, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for i in range(600):
            assert pusher.ask("XADD", names[i % 3], "*", "f", f"e-{i}").startswith(b"$")
        wait_for(lambda: len(read) >= 600, "all to be read")
        stop.set()
        for thread in threads:
            thread.join()
        assert sorted(read) == sorted(b"e-%d" % i for i in range(600))
        pending = [int(pusher.ask("XPENDING", name, "g").split(b"\r\n")[1][1:]) for name in names]
        assert pending == [200, 200, 200]


def test_one_that_reads_several_lists_reads_each_in_its_order(three, keys):
    names = list(keys.values())
    workers = Workers(three, ["BLPOP"], names, many=1)
    with three.client() as pusher:
        for i in range(600):
            pusher.ask("RPUSH", names[i % 3], f"{i}")
            if i % 50 == 0:
                wait_for(lambda: blocked(three.nodes) > 0, "all to be read")
        wait_for(lambda: all(pusher.ask("LLEN", name) == b":0\r\n" for name in names), "all to be read")
    popped = [int(value) for value in workers.end()]
    assert sorted(popped) == list(range(600))
    for residue in range(3):
        mine = [i for i in popped if i % 3 == residue]
        assert mine == sorted(mine)


def test_nodes_that_restart_lose_and_double_nothing_but_what_was_said_to_be_lost():
    """With every write on disk before it is answered. What a client reads an error for may have been taken."""
    durable = ("--appendonly", "yes", "--appendfsync", "always")
    with Fleet(3, workers=2, node_arguments=durable, **PATIENT) as fleet:
        names = [fleet.key_of(i, f"q{i}-") for i in range(3)]
        workers = Workers(fleet, ["BLPOP", "BRPOP"], names, many=6)
        pushed, unsure = [], set()
        with fleet.client() as pusher:
            for i in range(1500):
                if i in (300, 600, 900):
                    node = fleet.nodes[i // 300 - 1]
                    node.kill()
                    node.start()
                while not pusher.ask("LLEN", names[i % 3]).startswith(b":"):
                    pass
                if pusher.ask("RPUSH", names[i % 3], str(i)).startswith(b":"):
                    pushed.append(i)
                else:
                    unsure.add(i)
            popped = [int(value) for value in workers.end()]
            assert len(popped) == len(set(popped))
            left = []
            for name in names:
                wait_for(lambda: pusher.ask("LLEN", name).startswith(b":"), "the node to be back")
                left += [int(value) for value in rest_of(pusher, name, "LRANGE")]
        assert len(left) == len(set(left)) and not set(left) & set(popped)
        missing = set(pushed) - set(popped) - set(left)
        assert len(missing) <= workers.lost
        assert set(popped) | set(left) <= set(pushed) | unsure
