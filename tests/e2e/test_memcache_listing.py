"""stats cachedump: the items of all nodes in one reply, as memcdump and getAllKeys of libmemcached read them."""

import re
import subprocess

import pytest

from binary_client import SET, BinaryClient, store
from memcache_servers import MemcacheFleet, storage
from test_health import quick

# A server lists its cold items alone; with one LRU list all of them are.
NODE_ARGUMENTS = ("-m", "64", "-o", "no_modern")
# Names that look like a part of the protocol.
ODD_KEYS = [b"END", b"ITEM", b"ERROR", b"SERVER_ERROR", b"STAT", b"VALUE", b"[1", b"a\rEND", b"\xff\xfe", b"k" * 250]


@pytest.fixture
def fleet():
    """A new one each time: a server goes on listing items after a flush_all."""
    with MemcacheFleet(3, node_arguments=NODE_ARGUMENTS, timeouts={"request": "20s"}) as servers:
        yield servers


@pytest.fixture
def client(fleet):
    with fleet.client() as connection:
        yield connection


def fill(client, keys, data=b"x"):
    for key in keys:
        assert client.exchange(storage("set", key, data)) == b"STORED\r\n"


def items(reply):
    lines = reply.split(b"\r\n")
    assert lines[-2:] == [b"END", b""], lines[-3:]
    return [re.fullmatch(rb"ITEM (.*) \[(\d+) b; \d+ s\]", line, re.DOTALL)[1] for line in lines[:-2]]


def dump(client, slab, limit=0):
    return items(client.exchange(b"stats cachedump %d %d\r\n" % (slab, limit)))


def slabs(fleet):
    """The slab classes in use on any node: keys of one length may have different ones."""
    return sorted({int(name.split(":")[0]) for node in fleet.nodes for name in node.stats("slabs") if ":" in name})


def test_a_listing_is_that_of_one_node_after_another(fleet, client):
    keys = [b"key-%03d" % i for i in range(300)] + ODD_KEYS
    fill(client, keys)
    everything = []
    for slab in slabs(fleet):
        each = [items(node.exchange(b"stats cachedump %d 0\r\n" % slab)) for node in fleet.nodes]
        listed = dump(client, slab)
        assert listed == [key for node in each for key in node]
        everything += listed
    assert sorted(everything) == sorted(keys)
    assert all(node.stats()["curr_items"] != "0" for node in fleet.nodes)


def test_a_limit_is_each_nodes_own_and_a_class_that_nobody_uses_is_empty(fleet, client):
    fill(client, [b"key-%03d" % i for i in range(100)])
    slab = slabs(fleet)[0]
    assert len(dump(client, slab, 1)) == 3
    assert dump(client, 40) == [] and dump(client, 0) == []


def test_a_listing_keeps_its_place_between_other_replies(fleet, client):
    fill(client, [b"END"])
    slab = slabs(fleet)[0]
    request = b"get END\r\nstats cachedump %d 0\r\nget none\r\nset END 0 0 1 noreply\r\ny\r\nstats cachedump %d 1\r\nversion\r\n" % (slab, slab)
    item = b"ITEM END [1 b; 0 s]\r\nEND\r\n"
    version = fleet.nodes[0].ask("version")
    expected = b"VALUE END 0 1\r\nx\r\nEND\r\n" + item + b"END\r\n" + item + version
    for pieces in (None, [request[i:i + 1] for i in range(len(request))]):
        fill(client, [b"END"])
        assert client.exchange(request, pieces) == expected


def test_what_every_node_refuses_reads_as_of_one(fleet, client):
    for line in (b"stats cachedump\r\n", b"stats cachedump 1\r\n", b"stats cachedump 200 0\r\n", b"stats cachedump x y\r\n",
                 b"stats cachedump 1 -1\r\n", b"stats cachedump 1 0 more\r\n"):
        assert client.exchange(line) == fleet.nodes[0].exchange(line), line


def test_a_node_that_is_down_is_the_whole_answer():
    with MemcacheFleet(2, **quick()) as fleet, fleet.client() as client:
        fill(client, [b"key-%03d" % i for i in range(50)])
        fleet.nodes[0].kill()
        fleet.proxy.wait_for_state("r0", "down")
        assert client.ask("stats cachedump 1 0") == b"SERVER_ERROR node down\r\n"


def test_a_key_that_looks_like_the_end_of_a_listing_puts_nobodys_reply_out_of_step(fleet, client):
    """A client of the binary protocol may give an item such a name, and the server lists it as it is."""
    hostile = b"a\r\nEND\r\nVALUE key-000 0 1\r\nz\r\nEND\r\nb"
    keys = [b"key-%03d" % i for i in range(100)]
    fill(client, keys)
    with BinaryClient(fleet.proxy.port) as binary:
        for prefix in range(20):
            binary.send(store(SET, b"%d" % prefix + hostile, b"v"))
            assert binary.reply().status == 0
    connects = fleet.proxy.metric("node_connects_total")
    for slab in slabs(fleet):
        listing = client.exchange(b"stats cachedump %d 0\r\nget key-000\r\n" % slab)
        assert listing.endswith(b"END\r\nVALUE key-000 0 1\r\nx\r\nEND\r\n"), listing
        assert listing.count(b"VALUE key-000") == 1, listing
    for key in keys:
        assert client.ask(b"get " + key) == b"VALUE %s 0 1\r\nx\r\nEND\r\n" % key
    assert fleet.proxy.metric("node_connects_total") == connects


def test_each_nodes_part_is_as_long_as_the_server_makes_it(fleet, client):
    # Beyond 2 MiB a server leaves items out; what it lists comes through whole.
    count = 30_000
    for start in range(0, count, 1000):
        batch = b"".join(storage("set", b"%0200d" % i, b"x", tail=b" noreply") for i in range(start, start + 1000))
        assert client.exchange(batch) == b""
    slab = slabs(fleet)[-1]
    alone = [node.exchange(b"stats cachedump %d 0\r\n" % slab) for node in fleet.nodes]
    assert max(len(reply) for reply in alone) > 1_900_000
    merged = client.exchange(b"stats cachedump %d 0\r\n" % slab)
    assert merged == b"".join(reply.removesuffix(b"END\r\n") for reply in alone) + b"END\r\n"


def test_memcdump_lists_the_keys_of_all_nodes(fleet, client):
    keys = [b"key-%03d" % i for i in range(300)]
    fill(client, keys)
    run = subprocess.run(["memcdump", f"--servers=127.0.0.1:{fleet.proxy.port}"], capture_output=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert sorted(run.stdout.split()) == keys
