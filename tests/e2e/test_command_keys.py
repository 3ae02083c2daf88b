"""Where the proxy finds keys in random requests, against the COMMAND GETKEYS of a live Redis: a fixed seed, some thousand requests
for the commands whose options decide about keys, some dozens for each of the others."""

import random
from collections import Counter

import pytest

from command_table import keys_of, parse, rows_of_seven, words
from servers import RawClient, encode

SEED = 13
REQUESTS_OF_A_ROW = 40
REQUESTS_OF_A_GRAMMAR = 500

# Options and commands are words like others where a key, a group, a consumer, a member or a password may stand.
RESERVED = ["streams", "STREAMS", "store", "STORE", "storedist", "keys", "KEYS", "by", "BY", "get", "GET", "limit", "LIMIT", "count",
            "COUNT", "block", "group", "noack", "weights", "aggregate", "auth", "auth2", "copy", "replace", "withscores", "left", "min"]
PLAIN = ["a", "b", "k:1", "{t}x", "w_*", "*", "#", "nosort", '""', ">", "$", "m"]
NUMBERS = ["0", "1", "2", "3", "7", "-1", "01", "+1", "1.5", "x", "9223372036854775807", "9223372036854775808"]


class Grammar:
    """Requests that mostly are what Redis' documentation allows, of arguments that may have any of the names above."""

    def __init__(self, dice):
        self.dice = dice

    def name(self):
        return self.dice.choice(RESERVED if self.dice.random() < 0.4 else PLAIN)

    def names(self, least=1, most=4):
        return [self.name() for _ in range(self.dice.randint(least, most))]

    def counted(self):
        """Keys behind their number, which now and then is another one."""
        keys = self.names(0, 4)
        return [self.dice.choice(NUMBERS) if self.dice.random() < 0.15 else str(len(keys))] + keys

    def some(self, *options):
        """Some of these options, in any order; one may come twice."""
        chosen = self.dice.choices(options, k=self.dice.randint(0, 3))
        return [word for option in chosen for word in option()]

    def case(self, word):
        return self.dice.choice([word, word.upper(), word.capitalize()])

    def option(self, word, *arguments):
        return lambda: [self.case(word)] + [argument() for argument in arguments]

    def number(self):
        return self.dice.choice(NUMBERS[:5])

    def sort(self, command):
        return [command, self.name()] + self.some(
            self.option("by", self.name), self.option("get", self.name), self.option("limit", self.number, self.number),
            self.option("store", self.name), self.option("asc"), self.option("alpha"))

    def streams(self, command):
        group = self.option("group", self.name, self.name)() if command == "xreadgroup" else []
        options = self.some(self.option("count", self.number), self.option("block", self.number), self.option("noack"))
        keys = self.names(1, 3)
        ids = [self.dice.choice(["0", "$", ">", "1-1"]) for _ in range(len(keys) - (self.dice.random() < 0.15))]
        return [command] + group + options + [self.case("streams")] + keys + ids

    def georadius(self, command):
        place = [self.name()] if "member" in command else ["1", "2"]
        return [command, self.name()] + place + ["3", "km"] + self.some(
            self.option("store", self.name), self.option("storedist", self.name), self.option("count", self.number),
            self.option("withdist"), self.option("asc"))

    def migrate(self, command):
        key = self.dice.choice(['""', '""', self.name()])
        options = self.some(self.option("copy"), self.option("replace"), self.option("auth", self.name),
                            self.option("auth2", self.name, self.name))
        return [command, "h", "1", key, "0", "10"] + options + (self.option("keys")() + self.names() if key == '""' else [])

    def counted_behind(self, *before):
        return lambda command: [command, *(word() for word in before), *self.counted(), *self.some(
            self.option("weights", self.number, self.number), self.option("aggregate", self.name), self.option("limit", self.number),
            self.option("withscores"), self.option("left"), self.option("min"), self.option("count", self.number), self.name_alone)]

    def name_alone(self):
        return [self.name()]

    def makers(self):
        """Command → who makes requests of it."""
        scripts = ("eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro")
        counted = ("lmpop", "zmpop", "sintercard", "zintercard", "zdiff", "zinter", "zunion")
        return ({command: self.sort for command in ("sort", "sort_ro")}
                | {command: self.streams for command in ("xread", "xreadgroup")}
                | {command: self.georadius for command in ("georadius", "georadiusbymember")}
                | {command: self.counted_behind(self.name) for command in scripts}
                | {command: self.counted_behind() for command in counted}
                | {command: self.counted_behind(self.number) for command in ("blmpop", "bzmpop")}
                | {command: self.counted_behind(self.name) for command in ("zdiffstore", "zinterstore", "zunionstore")}
                | {"migrate": self.migrate})


def of_any_words(row, dice):
    """A request of about the row's arity, of words that mean nothing in particular or are another command's options."""
    size = abs(row["arity"]) + (dice.randint(0, 6) if row["arity"] < 0 else 0)
    named = row["name"].split("|")
    return named + [dice.choice(dice.choice([RESERVED, PLAIN, NUMBERS])) for _ in range(size - len(named))]


def requests(table):
    dice = random.Random(SEED)
    makers = Grammar(dice).makers()
    lines = {}
    for name, row in table.items():
        if not row["has_keys"]:
            continue
        for _ in range(REQUESTS_OF_A_ROW):
            lines[" ".join(of_any_words(row, dice))] = row
        for _ in range(REQUESTS_OF_A_GRAMMAR if name in makers else 0):
            lines[" ".join(makers[name](name))] = row
    return lines


def ask_all(port, all_words):
    """The replies to many requests, sent a thousand at a time."""
    replies = []
    with RawClient(port) as client:
        for start in range(0, len(all_words), 1000):
            batch = all_words[start:start + 1000]
            client.send(b"".join(encode(*request) for request in batch))
            replies += [parse(client.reply()) for _ in batch]
    return replies


def extra_keys(ours, theirs):
    """What the proxy takes for keys beside those that Redis names; None if it lacks one of these."""
    return None if Counter(theirs) - Counter(ours) else list((Counter(ours) - Counter(theirs)).elements())


def are_patterns(ours, theirs):
    """BY and GET reach the keys that their pattern fits, so it decides on the node. GETKEYS leaves them out."""
    extra = extra_keys(ours, theirs)
    return extra is not None and all("*" in key for key in extra)


def are_patterns_or_a_destination(ours, theirs):
    """As above; and GETKEYS takes a key behind STORE for an option if it has the name of one, which hides the next STORE."""
    return are_patterns(ours, theirs) or (ours[0] == theirs[0] and theirs[-1].lower() in ("by", "get", "limit"))


def are_destinations(ours, theirs):
    """GETKEYS takes what follows the first word STORE and the first STOREDIST, also where such a word is a key. The proxy names what
    follows each that is an option, and the command writes to the last of those: a test below looks where it does."""
    return ours[0] == theirs[0] and len(ours) > 1


def is_a_destination_alone(ours, theirs):
    """PFMERGE needs no source; GETKEYS takes that for an error."""
    return isinstance(theirs, bytes) and len(ours) == 1


# Command → how the proxy differs from GETKEYS on purpose.
DELIBERATE = {"sort": are_patterns_or_a_destination, "sort_ro": are_patterns, "georadius": are_destinations, "georadiusbymember": are_destinations,
              "pfmerge": is_a_destination_alone}


@pytest.fixture(scope="module")
def answers(redis):
    """Every request as (line, row, the proxy's keys, those of GETKEYS or its error)."""
    lines = requests(rows_of_seven())
    ours = keys_of(lines)
    theirs = ask_all(redis.port, [["COMMAND", "GETKEYS", *words(line)] for line in lines])
    return [(line, row, ours[line], keys) for (line, row), keys in zip(lines.items(), theirs, strict=True)]


def test_the_proxy_finds_the_keys_of_random_requests_where_redis_finds_them(answers):
    seen = set()
    for line, row, ours, theirs in answers:
        if ours == theirs or ours is None or (isinstance(theirs, bytes) and not ours):
            continue
        deliberate = DELIBERATE.get(row["name"])
        if isinstance(theirs, bytes) and not deliberate:
            continue  # The test below has Redis refuse it.
        assert deliberate and deliberate(ours, theirs), f"{line}: {ours}, and Redis says {theirs}"
        seen.add(row["name"])
    assert seen == set(DELIBERATE), "a difference is named that is none"


def test_a_request_of_which_the_two_disagree_whether_it_has_keys_is_an_error_to_redis(answers, redis):
    """The proxy reads numbers and options as the command does, GETKEYS more loosely; so it may find keys in what cannot be executed."""
    lines = [line for line, row, ours, theirs in answers
             if (ours is None and not isinstance(theirs, bytes)) or (ours and isinstance(theirs, bytes) and row["name"] not in DELIBERATE)]
    assert len(lines) > 500
    for line, reply in zip(lines, ask_all(redis.port, [words(line) for line in lines]), strict=True):
        assert isinstance(reply, bytes) and reply.startswith(b"-"), f"{line}: {reply}"


def test_random_requests_have_keys_for_every_command_that_takes_any(answers):
    found = Counter(row["name"] for _, row, _, theirs in answers if theirs and not isinstance(theirs, bytes))
    assert set(found) == {row["name"] for _, row, _, _ in answers}
    assert min(found.values()) > 5 and sum(found.values()) > 10_000


def test_no_key_is_written_that_the_proxy_has_not_found(answers, redis):
    fill = {"sort": lambda key, _: ["RPUSH", key, "2", "1"],
            "georadius": lambda key, _: ["GEOADD", key, "1", "2", "m"],
            "georadiusbymember": lambda key, member: ["GEOADD", key, "1", "2", member]}
    stored = Counter()
    for line, row, ours, theirs in answers:
        if row["name"] not in fill or ours == theirs:
            continue
        request = words(line)
        source = fill[row["name"]](request[1], request[2])
        _, _, reply, keys = ask_all(redis.port, [["FLUSHALL"], source, request, ["KEYS", "*"]])
        assert set(keys) <= set(ours), f"{line}: {ours}, and Redis has {keys}"
        stored[row["name"]] += isinstance(reply, int)
    assert set(stored) == set(fill) and min(stored.values()) > 3, stored
