"""The command table against the COMMAND of a live Redis: arity, flags, categories, and where the keys stand."""

import pytest
import redis as redis_py

from command_table import keys_of, parse, rows, rows_of_seven, words

# Younger than Redis 7.0, but clients send it to every server.
YOUNGER = {"client|capa", "client|maint_notifications", "client|no-touch", "client|setinfo"}

# Where positions alone do not tell: every way in which these name their keys. `""` is an empty word.
SPECIAL = """
eval s 0
eval s 0 a b
eval s 2 a b c
eval_ro s 1 a
evalsha s 2 a b
evalsha_ro s 1 a b
fcall f 1 a b
fcall_ro f 2 a b
blmpop 0 2 a b left
bzmpop 0 1 a min count 2
lmpop 2 a b left count 3
zmpop 1 a max
sintercard 2 a b limit 1
zdiff 2 a b withscores
zinter 2 a b weights 1 2
zintercard 1 a
zunion 3 a b c aggregate sum
zdiffstore d 2 a b
zinterstore d 1 a weights 2
zunionstore d 2 a b aggregate max
xread streams a 0
xread count 1 block 0 streams a b 0 0
xread streams streams block 0 0
xreadgroup group g c streams a >
xreadgroup group streams block count 2 noack streams a b > >
sort a
sort a by nosort get # limit 0 1 asc alpha store b
sort a store b store c
sort a limit store store store b
sort a store by desc
sort_ro a by nosort get #
georadius a 1 2 3 km
georadius a 1 2 3 km withcoord store b
georadius a 1 2 3 km store b storedist c
georadiusbymember a m 3 km
georadiusbymember a store 3 km storedist b
migrate h 1 a 0 10
migrate h 1 a 0 10 copy replace auth p
migrate h 1 "" 0 10 keys a b
migrate h 1 "" 0 10 auth keys keys a b
migrate h 1 "" 0 10 auth2 keys keys copy keys a
""".split("\n")[1:-1]


@pytest.fixture(scope="module")
def table():
    return rows_of_seven()


def rows_by_name(live_rows):
    """COMMAND's rows and those of their subcommands."""
    named = {}
    for row in live_rows:
        named[row[0]] = row
        named.update(rows_by_name(row[9]))
    return named


@pytest.fixture(scope="module")
def live(redis):
    return rows_by_name(parse(redis.ask("COMMAND")))


def test_every_command_and_subcommand_has_its_row(table, live):
    assert set(table) - set(live) == YOUNGER
    assert set(live) - set(table) == set()


def test_a_row_that_says_that_it_is_younger_is_none_of_this_redis(live):
    younger = {name for name, row in rows().items() if row["is_younger"]}
    assert len(younger) > 200
    assert not younger & set(live)


def test_arity_and_flags_are_those_of_redis(table, live):
    for name, row in live.items():
        # The proxy's own MONITOR takes a sample as well.
        assert table[name]["arity"] == (-1 if name == "monitor" else row[1]), name
        assert set(table[name]["flags"]) - {""} == set(row[2]), name


def derived_categories(flags, categories):
    """What Redis adds to a command's own categories (setImplicitACLCategories)."""
    derived = {flag for flag in ("write", "admin", "pubsub", "blocking") if flag in flags}
    derived |= {"read"} if "readonly" in flags and "scripting" not in categories else set()
    derived |= {"dangerous"} if "admin" in flags else set()
    return derived | {"fast" if "fast" in flags else "slow"}


def test_categories_are_those_of_redis(table, live):
    for name, row in live.items():
        own = set(table[name]["categories"]) - {""}
        assert {f"@{c}" for c in own | derived_categories(row[2], own)} == set(row[6]), name


def test_what_redis_calls_a_write_is_never_a_read(table, live):
    # See semantics.md 34.
    for name, row in live.items():
        access, flags = table[name]["access"], row[2]
        if access == "read":
            assert "readonly" in flags or name in ("function|list", "function|dump"), name
        if "write" in flags:
            assert access == ("admin" if "admin" in flags else "write"), name
        if "admin" in flags:
            assert access == "admin", name


def invocation(row):
    """A request of the row's arity, with some more arguments where it takes any number."""
    size = row["arity"] if row["arity"] > 0 else -row["arity"] + 4
    if row["step"] == 2:
        size += 1 - size % 2
    named = row["name"].split("|")
    return " ".join(named + [f"a{i}" for i in range(len(named), size)])


def test_keys_stand_where_redis_finds_them(table, redis):
    lines = [invocation(row) for row in table.values() if row["has_keys"] and row["step"] > 0] + SPECIAL
    covered = {line.split(" ")[0] for line in lines}
    assert {name.split("|")[0] for name, row in table.items() if row["has_keys"]} <= covered
    for line, keys in keys_of(lines).items():
        assert keys == parse(redis.ask("COMMAND", "GETKEYS", *words(line))), line


@pytest.mark.parametrize("line", [
    "eval s 3 a b", "eval s -1 a", "eval s 01 a", "eval s +1 a", "eval s x a", "eval s 9223372036854775808 a",
    "zunion 3 a b", "zunion -1 a b", "zunionstore d 2 a", "lmpop 3 a left", "sintercard 01 a",
    "mset a 1 b", "msetnx a 1 b", "xread streams a b 0", "xread count 1 a 0", "xread count streams",
    "xreadgroup count 1 group g c streams", "migrate h 1 \"\" 0 10",
])
def test_a_request_whose_keys_cannot_be_told_is_an_error_to_redis(line, redis, fleet, client):
    # So it may go to any node: what the client reads is what that Redis says.
    assert keys_of([line])[line] is None
    if line.startswith("migrate"):
        return  # Redis tries to connect before it answers.
    reply = redis.ask(*words(line))
    assert reply.startswith(b"-")
    assert client.ask(*words(line)) == reply


def test_command_through_the_proxy_is_what_redis_says_of_what_is_served(table, live, redis, client):
    served = {name for name, row in table.items() if not row["refused"] and not row["one_node"] and not row["needs_admin"]}
    proxied = rows_by_name(parse(client.ask("COMMAND")))
    assert served <= set(proxied)
    assert all(name in served or any(other.startswith(name + "|") for other in served) for name in proxied)
    for name in set(proxied) - YOUNGER:
        ours, theirs = proxied[name], live[name]
        assert ours[:2] + ours[3:6] == theirs[:2] + theirs[3:6], name
        assert set(ours[2]) == set(theirs[2]) and set(ours[6]) == set(theirs[6]), name
        assert len(ours) == len(theirs) == 10, name
    assert parse(client.ask("COMMAND", "COUNT")) == sum("|" not in name for name in proxied)
    assert set(parse(client.ask("COMMAND", "LIST"))) == set(proxied)
    assert set(proxied) - YOUNGER <= set(parse(redis.ask("COMMAND", "LIST")))


def test_python_redis_reads_our_command_and_info(fleet):
    client = redis_py.Redis(port=fleet.proxy.port, decode_responses=True)
    assert client.command()["mget"]["first_key_pos"] == 1
    info = client.info()
    assert info["role"] == "master" and info["connected_clients"] >= 1
    assert info["pool0"]["nodes_up"] == 3
    assert any(row["addr"] and row["cmd"] == "client|list" for row in client.client_list())
    assert client.client_info()["db"] == 0
    assert client.config_get("databases") == {"databases": "16"}


@pytest.mark.parametrize("request_words", [
    ["PING"], ["PING", "a"], ["PING", "a", "b"], ["ECHO"], ["ECHO", "x"], ["SELECT", "0"], ["SELECT", "x"],
    ["SELECT", "-1"], ["SELECT"], ["HELLO", "x"], ["HELLO", "2", "foo"], ["HELLO", "2", "AUTH", "a"],
    ["HELLO", "2", "SETNAME"], ["HELLO", "2", "SETNAME", "a b"], ["CLIENT"], ["CLIENT", "foo"], ["CLIENT", "SETNAME"],
    ["CLIENT", "SETNAME", "a b"], ["CLIENT", "SETNAME", ""], ["CLIENT", "GETNAME"], ["CLIENT", "NO-EVICT", "on"],
    ["CLIENT", "NO-EVICT", "x"], ["CLIENT", "LIST", "TYPE", "x"], ["CLIENT", "LIST", "TYPE", "pubsub"],
    ["CLIENT", "LIST", "ID", "x"], ["CLIENT", "LIST", "ID"], ["CLIENT", "LIST", "ID", "999999"],
    ["CLIENT", "LIST", "ID", "0", "-1"], ["CLIENT", "LIST", "foo"], ["CLIENT", "ID", "x"],
    ["COMMAND", "INFO", "nosuch"], ["COMMAND", "LIST", "x"],
    ["COMMAND", "LIST", "FILTERBY", "x", "y"], ["COMMAND", "LIST", "FILTERBY", "MODULE", "m"],
    ["COMMAND", "GETKEYS", "get"], ["COMMAND", "GETKEYS", "get", "a", "b"], ["COMMAND", "GETKEYS", "nosuch", "a"],
    ["COMMAND", "GETKEYS", "mset", "a", "1", "b", "2"], ["COMMAND", "GETKEYSANDFLAGS", "set", "a", "b"],
    ["COMMAND", "DOCS", "get"], ["COMMAND", "foo"], ["ROLE"], ["INFO", "nosuch"], ["INFO", "cluster"],
    ["CONFIG", "GET", "nosuch"], ["CONFIG", "GET"], ["RESET"], ["RESET", "x"], ["QUIT", "x"],
], ids=" ".join)
def test_local_commands_use_the_words_of_redis(redis, fleet, request_words):
    with fleet.client() as client:
        assert client.ask(*request_words) == redis.ask(*request_words)
