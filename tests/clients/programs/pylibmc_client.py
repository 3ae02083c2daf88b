"""pylibmc, which is libmemcached, with the protocol that the argument says: text or binary."""

import sys

import pylibmc

from checks import BINARY, check, check_becomes, check_fails, done, eventually, kill_node, names, restart, PORT

binary = sys.argv[1] == "binary"
client = pylibmc.Client([f"127.0.0.1:{PORT}"], binary=binary, behaviors={"cas": True, "retry_timeout": 0, "remove_failed": 0, "auto_eject": False})


def items():
    check("set, get", [client.set("text", {"deep": ["ü", 1]}), client.get("text"), client.get("none")], [True, {"deep": ["ü", 1]}, None])
    check("add, replace", [client.add("text", 1), client.add("new", BINARY), client.replace("new", 1), client.get("new")], [False, True, True, 1])
    check("delete", [client.delete("new"), client.delete("new"), client.get("new")], [True, False, None])
    client.set("count", 1)
    check("incr, decr", [client.incr("count", 41), client.decr("count"), client.decr("count", 100)], [42, 41, 0])
    check_fails("incr of none", lambda: client.incr("none"), "")
    client.set("word", b"b")
    check("append, prepend", [client.append("word", b"c"), client.prepend("word", b"a"), client.get("word")], [True, True, b"abc"])
    check("touch", [client.touch("word", 100), client.touch("none", 100)], [True, False])
    number, token = client.gets("count")
    check("cas", [number, client.cas("count", 7, token), client.cas("count", 8, token), client.get("count")], [0, True, False, 7])


def many():
    values = {key: key * 100 for key in names(200)}
    check("set_multi, get_multi", [client.set_multi(values), client.get_multi([*values, "none"])], [[], values])
    check("delete_multi", [client.delete_multi(list(values)), client.get_multi(list(values))], [True, {}])


def large():
    half = BINARY * 2000
    check("a large value", [client.set("large", half), client.get("large") == half], [True, True])
    check_fails("one too large", lambda: client.set("large", BINARY * 8000), "")
    check("and the old one is gone", client.get("large"), None)


def attempt(action):
    try:
        return action()
    except pylibmc.Error as error:
        return error


def failing():
    """What the keys of a node that is down read, and that all others are right, then and later."""
    values = {key: key * 500 for key in names(60, "key")}
    client.set_multi(values)
    kill_node()
    read = {key: attempt(lambda key=key: client.get(key)) for key in values}
    failed = {key: outcome for key, outcome in read.items() if outcome != values[key]}
    print(len(failed), "of 60 keys read", {type(outcome).__name__ for outcome in failed.values()})
    check("a node is down", bool(failed) and all(outcome is None or isinstance(outcome, pylibmc.Error) for outcome in failed.values()), True)
    check("its keys cannot be set", all(isinstance(attempt(lambda key=key: client.set(key, 1)), pylibmc.Error) for key in failed), True)
    several = attempt(lambda: client.get_multi(list(values)))
    print("get_multi reads", several if isinstance(several, pylibmc.Error) else len(several))
    if not isinstance(several, pylibmc.Error):
        check("what get_multi reads is right", all(values[key] == value for key, value in several.items()), True)
    restart("nodes")
    check("the node is back", eventually(lambda: client.set_multi(values)), [])
    check_becomes("with all keys", lambda: attempt(lambda: client.get_multi(list(values))) == values, True)


items()
many()
large()
(_, stats), = client.get_stats()
check("get_stats", int(stats["curr_items"]) > 0, True)
check("flush_all", [client.flush_all(), client.get("text")], [True, None])
failing()
restart("server")
check("after a restart of the server", [eventually(lambda: client.set("again", 1)), client.get("again")], [True, 1])
done()
