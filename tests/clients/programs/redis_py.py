"""redis-py: its pipeline is a transaction by default."""

import asyncio

import redis
import redis.asyncio

from checks import BINARY, LARGE, PASSWORD, PORT, SECURED_PORT, check, check_becomes, check_fails, done, eventually, names, restart

SCRIPT = "return {redis.call('incrby', KEYS[1], ARGV[1]), ARGV[2]}"


def data_types(client):
    check("SET, GET", [client.set("text", "grüße"), client.get("text").decode(), client.get("none")], [True, "grüße", None])
    check("SET NX, GET", [client.set("text", "x", nx=True), client.set("text", "y", get=True).decode()], [None, "grüße"])
    check("EXPIRE, TTL", [client.expire("text", 100), client.ttl("text"), client.ttl("none")], [True, 100, -2])
    check("INCR", [client.incr("count"), client.incrby("count", 41), client.incrbyfloat("float", 1.5)], [1, 42, 1.5])
    client.hset("hash", mapping={"a": 1, "b": 2})
    check("HGETALL", client.hgetall("hash"), {b"a": b"1", b"b": b"2"})
    check("HMGET, HEXISTS, HSCAN", [client.hmget("hash", "a", "none"), client.hexists("hash", "b"), dict(client.hscan_iter("hash"))],
          [[b"1", None], True, {b"a": b"1", b"b": b"2"}])
    client.rpush("list", "one", "two", "three")
    check("LRANGE, LPOP", [client.lrange("list", 0, -1), client.lpop("list")], [[b"one", b"two", b"three"], b"one"])
    client.sadd("set", "x", "y")
    check("SMEMBERS, SSCAN", [set(client.smembers("set")), set(client.sscan_iter("set"))], [{b"x", b"y"}] * 2)
    client.zadd("ranking", {"low": 1.5, "high": float("inf")})
    check("ZSCORE", [client.zscore("ranking", "low"), client.zscore("ranking", "none")], [1.5, None])
    check("ZRANGE WITHSCORES", [tuple(pair) for pair in client.zrange("ranking", 0, -1, withscores=True)], [(b"low", 1.5), (b"high", float("inf"))])
    number = client.xadd("stream", {"field": "value"})
    check("XRANGE", client.xrange("stream"), [(number, {b"field": b"value"})])


def many_keys(client):
    keys = names(500)
    client.mset({key: i for i, key in enumerate(keys)})
    check("MGET of 500 keys", client.mget([*keys, "none"]), [*(b"%d" % i for i in range(500)), None])
    check("scan_iter", {key.decode() for key in client.scan_iter("many:*", count=50)} == set(keys), True)
    check("DEL of 500 keys", client.delete(*keys), 500)
    pipeline = client.pipeline(transaction=False)
    for i, key in enumerate(keys):
        pipeline.set(key, i) if i % 2 else pipeline.incr(key)
    check("a pipeline of 500 commands", pipeline.execute(), [True if i % 2 else 1 for i in range(500)])
    check("a value of all bytes", [client.set("binary", BINARY), client.get("binary")], [True, BINARY])
    check("a value of 3 MiB", [client.set("large", LARGE), client.get("large") == LARGE], [True, True])


def together(client):
    add = client.register_script(SCRIPT)
    check("a registered script", [add(keys=["script"], args=[5, "x"]), add(keys=["script"], args=[5, "y"])], [[5, b"x"], [10, b"y"]])
    check("EVAL", client.eval(SCRIPT, 1, "script", 1, "z"), [11, b"z"])
    pipeline = client.pipeline()
    pipeline.set("{cart}:a", 1).incr("{cart}:a").hset("{cart}:b", "f", "v").hgetall("{cart}:b")
    check("a transaction", pipeline.execute(), [True, 2, 1, {b"f": b"v"}])
    check("with a command that fails", [str(reply) for reply in client.pipeline().set("{cart}:a", "x").incr("{cart}:a").execute(raise_on_error=False)],
          ["True", "value is not an integer or out of range"])
    check("an empty transaction", client.pipeline().execute(), [])
    with client.lock("lock", timeout=10):
        check("a lock is held", client.exists("lock"), 1)
    check("and let go", client.exists("lock"), 0)
    check_fails("an error is the one of Redis", lambda: client.lpush("text", "x"), "Operation against a key holding the wrong kind of value")


async def asynchronous():
    client = redis.asyncio.Redis(port=PORT, db=3)
    check("asyncio", await asyncio.gather(*(client.set(key, "1") for key in names(100, "async"))), [True] * 100)
    async with client.pipeline() as pipeline:
        check("a transaction of asyncio", await pipeline.set("{a}x", 1).get("{a}x").execute(), [True, b"1"])
    await client.close()


def messages(client):
    listener = client.pubsub(ignore_subscribe_messages=True)
    listener.subscribe("news", "more")
    listener.psubscribe("ne*")
    # It does not wait for the replies to what it has sent.
    check_becomes("PUBSUB", lambda: [client.pubsub_numsub("news", "none"), client.pubsub_numpat()], [[(b"news", 1), (b"none", 0)], 1])
    check("PUBLISH", [client.publish("news", "x"), client.publish("nobody", "x")], [2, 0])
    check("the messages", [take(listener)["type"] for _ in range(2)], ["message", "pmessage"])
    listener.punsubscribe("ne*")
    listener.unsubscribe("more")
    return listener


def take(listener):
    return eventually(lambda: listener.get_message(timeout=1) or {}["no message"])


def main():
    client = redis.Redis(port=PORT)
    data_types(client)
    many_keys(client)
    together(client)
    listener = messages(client)
    asyncio.run(asynchronous())

    first = redis.Redis.from_url(f"redis://127.0.0.1:{PORT}/1")
    check("database 1 is another", [first.get("text"), first.set("text", "one"), client.get("text")], [None, True, b"y"])
    secured = redis.Redis(port=SECURED_PORT, password=PASSWORD, db=2)
    check("a password and database 2", [secured.set("secret", 1), secured.get("secret")], [True, b"1"])
    check_fails("a wrong password", redis.Redis(port=SECURED_PORT, password="wrong").ping, "invalid username-password pair")
    check_fails("no password", redis.Redis(port=SECURED_PORT).ping, "uthenticat")

    for what in ("nodes", "server"):
        restart(what)
        check(f"SET after a restart of the {what}", eventually(lambda: client.set("again", what)), True)
        check("the subscription is there again", eventually(lambda: 1 / (listener.get_message(timeout=0.05), client.publish("news", what))[1]), 1)
        check("and hears", take(listener)["data"], what.encode())
        check("in database 1 too", [eventually(lambda: first.set("again", "one")), client.get("again")], [True, what.encode()])
        check("and with the password", eventually(lambda: secured.set("again", what)), True)
    done()


main()
