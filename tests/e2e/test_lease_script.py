"""The scripts of global limits against a real redis-server: as the model in C++ says, and whatever befalls the server."""

import functools
import pathlib
import random
import re
import subprocess

import pytest

from servers import BINARY, RedisServer, wait_for

LEASE_FLEET = str(pathlib.Path(BINARY).with_name("lease_fleet"))
NOW = 1_795_207_122_998_100
KEY = "{limit:key}"


def tool(*arguments, stdin=""):
    return subprocess.run([LEASE_FLEET, *arguments], input=stdin, capture_output=True, text=True, check=True).stdout


# Not when the file is read: a build for the smoke tests alone has no lease_fleet.
@functools.cache
def script(name):
    return tool("script", name)


@pytest.fixture
def redis():
    with RedisServer() as server:
        yield server


def integers(reply):
    assert reply[:1] in b"*:", reply
    return [int(number) for number in re.findall(rb":(-?\d+)", reply)]


def lease(server, want, amount=1000, window=1_000_000, burst=100, least=1, debt=0, lessees=1, after_outage=0, key=KEY):
    """Granted, microseconds to wait, thousandths used."""
    return integers(server.ask("EVAL", script("lease"), 1, key, amount, window, burst, want, least, debt, lessees, after_outage))


def stored(server):
    return re.fullmatch(rb"\$\d+\r\n(.*)\r\n", server.ask("GET", KEY))[1]


def server_time(server):
    seconds, microseconds = re.findall(rb"\$\d+\r\n(\d+)\r\n", server.ask("TIME"))
    return int(seconds), int(microseconds)


@pytest.mark.parametrize("seed", range(5))
def test_answers_and_stores_what_the_model_does(redis, seed):
    chance = random.Random(seed)
    # The server's clock is not ours to set: the same script, with its time from outside.
    timed = script("lease").replace("redis.call('TIME')", "{ARGV[9], ARGV[10]}")
    assert timed != script("lease")
    terms = (chance.choice([1, 3, 7, 1000, 999_983, 10_000_000]), chance.choice([1, 60, 3600, 86400]) * 1_000_000,
             chance.choice([1, 2, 100, 1_000_000]))
    calls, time = [], NOW
    for _ in range(400):
        step = chance.choice([0, 1, terms[1] / terms[0], 10 * terms[1] / terms[0], 1000])
        time += int(chance.random() * step) if chance.random() < 0.97 else -int(chance.random() * 5e6)
        want = int(10 ** chance.uniform(0, 6)) if chance.random() < 0.9 else 0
        least = chance.choice([1, 1, want // 2, want, 10])
        debt = int(10 ** chance.uniform(0, 5)) if chance.random() < 0.1 else 0
        calls.append((time, *terms, want, least, debt, chance.choice([1, 8, 200]), chance.randrange(2)))
    expected = tool("replay", stdin="\n".join(" ".join(map(str, call)) for call in calls)).splitlines()
    assert len(expected) == len(calls)
    expires_us = None
    for call, line in zip(calls, expected, strict=True):
        time, *arguments = call
        if expires_us is not None and time >= expires_us:
            redis.ask("DEL", KEY)
            expires_us = None
        replied = integers(redis.ask("EVAL", timed, 1, KEY, *arguments, time // 1_000_000, time % 1_000_000))
        *answer, value = line.split()
        assert replied == [int(number) for number in answer], call
        # It expires by the server's own clock; the calls come at times of their own.
        milliseconds = integers(redis.ask("PTTL", KEY))[0]
        if milliseconds > 0:
            until_full = -(-(int(stored(redis)) - time) // 1000)
            assert until_full - 1000 < milliseconds - 1000 <= until_full
            expires_us = time + (until_full + 1000) * 1000
            redis.ask("PERSIST", KEY)
        assert value == (stored(redis).decode() if expires_us is not None else value)


@pytest.mark.parametrize("name", ["lease", "members"])
def test_is_known_by_the_hash_that_the_server_gives_it(redis, name):
    assert redis.ask("SCRIPT", "LOAD", script(name)) == b"$40\r\n%s\r\n" % tool("hash", name).encode()


def test_is_asked_for_again_after_the_server_forgot_it_and_the_bucket_stays(redis):
    call = (tool("hash", "lease"), 1, KEY, 1, 3_600_000_000, 100, 60, 1, 0, 1, 0)
    assert redis.ask("EVALSHA", *call).startswith(b"-NOSCRIPT")
    assert integers(redis.ask("EVAL", script("lease"), *call[1:]))[0] == 60
    assert integers(redis.ask("EVALSHA", *call))[0] == 40
    redis.ask("SCRIPT", "FLUSH")
    assert redis.ask("EVALSHA", *call).startswith(b"-NOSCRIPT")
    assert integers(redis.ask("EVAL", script("lease"), *call[1:]))[0] == 0


def test_keeps_its_bucket_on_a_replica_that_is_promoted(redis):
    slow = {"amount": 1, "window": 3_600_000_000}
    with RedisServer("--replicaof", "127.0.0.1", str(redis.port)) as replica:
        wait_for(lambda: b"master_link_status:up" in replica.ask("INFO", "replication"), "the replica")
        redis.ask("SCRIPT", "LOAD", script("lease"))
        assert lease(redis, 60, **slow)[0] == 60
        wait_for(lambda: replica.ask("GET", KEY) == redis.ask("GET", KEY), "the bucket")
        assert lease(redis, 10, **slow)[0] == 10
        wait_for(lambda: replica.ask("GET", KEY) == redis.ask("GET", KEY), "the bucket")
        assert replica.ask("REPLICAOF", "NO", "ONE").startswith(b"+OK")
        redis.kill()
        call = (1, KEY, 1, 3_600_000_000, 100, 60, 1, 0, 1, 0)
        assert replica.ask("EVALSHA", tool("hash", "lease"), *call).startswith(b"-NOSCRIPT")
        assert integers(replica.ask("EVAL", script("lease"), *call))[0] == 30


def test_does_not_believe_a_time_further_ahead_than_a_bucket_can_be(redis):
    # What a server sees whose clock was set back by an hour, or a new master whose clock is behind.
    seconds, microseconds = server_time(redis)
    redis.ask("SET", KEY, (seconds + 3600) * 1_000_000 + microseconds)
    granted, wait, used = lease(redis, 1)
    assert granted == 0 and wait == 1_001_000 and used == 11_000
    assert integers(redis.ask("PTTL", KEY))[0] <= 2_200


def test_stores_whole_microseconds_in_full(redis):
    lease(redis, 100)
    seconds, _ = server_time(redis)
    assert re.fullmatch(rb"\d{16}", stored(redis))
    assert abs(int(stored(redis)) // 1_000_000 - seconds) <= 2


def test_keeps_a_key_until_its_bucket_has_been_full_for_a_second(redis):
    lease(redis, 50)  # 50 ms.
    assert 0 < integers(redis.ask("PTTL", KEY))[0] <= 1_050
    lease(redis, 50, amount=1, window=86_400_000_000)
    assert 49 * 86_400_000 < integers(redis.ask("PTTL", KEY))[0] <= 50 * 86_400_000 + 2_000


def test_writes_nothing_when_nothing_is_used(redis):
    assert lease(redis, 0) == [0, 0, 0]
    assert redis.ask("EXISTS", KEY) == b":0\r\n"


def test_begins_empty_after_an_outage_in_which_the_server_lost_its_data(redis):
    slow = {"amount": 1, "window": 3_600_000_000}
    assert lease(redis, 100, **slow)[0] == 100
    redis.ask("FLUSHALL")
    assert lease(redis, 100, after_outage=1, **slow)[0] == 0
    assert lease(redis, 100, **slow)[0] == 0
    redis.ask("FLUSHALL")
    assert lease(redis, 100, **slow)[0] == 100


def test_takes_a_value_that_is_not_its_own_for_none_and_another_type_for_an_error(redis):
    redis.ask("SET", KEY, "something")
    assert lease(redis, 70)[0] == 70
    redis.ask("DEL", KEY)
    redis.ask("LPUSH", KEY, "something")
    reply = redis.ask("EVAL", script("lease"), 1, KEY, 1000, 1_000_000, 100, 1, 1, 0, 1, 0)
    assert reply.startswith(b"-")


def members(server, name):
    return integers(server.ask("EVAL", script("members"), 1, "members", name))[0]


def test_counts_the_processes_that_told_that_they_live(redis):
    assert [members(redis, name) for name in ("a", "b", "a", "c")] == [1, 2, 2, 3]
    seconds, _ = server_time(redis)
    redis.ask("ZADD", "members", (seconds - 6) * 1_000_000, "b")
    assert members(redis, "a") == 2
    redis.ask("ZADD", "members", (seconds + 3600) * 1_000_000, "c")  # The clock was set back since.
    assert members(redis, "a") == 1
    assert 0 < integers(redis.ask("PTTL", "members"))[0] <= 10_000
