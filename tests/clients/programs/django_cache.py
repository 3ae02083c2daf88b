"""Django's cache and its sessions, in django-redis or, with the argument memcached, in Django's own PyMemcacheCache."""

import sys

from django.conf import settings

from checks import BINARY, LARGE, PASSWORD, PORT, SECURED_PORT, check, done, eventually, restart

MEMCACHED = sys.argv[1] == "memcached"
CACHE = {"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": f"127.0.0.1:{PORT}"} if MEMCACHED else {
    "BACKEND": "django_redis.cache.RedisCache", "LOCATION": f"redis://:{PASSWORD}@127.0.0.1:{SECURED_PORT}/1"}
# A hash tag as prefix, for django-redis sets several keys in one transaction.
settings.configure(CACHES={"default": {**CACHE, "KEY_PREFIX": "{shop}"}}, SESSION_ENGINE="django.contrib.sessions.backends.cache")

from django.contrib.sessions.backends.cache import SessionStore  # noqa: E402
from django.core.cache import cache  # noqa: E402


def main():
    check("set, get", [cache.set("a", {"deep": ["ü", 1]}) is not False, cache.get("a"), cache.get("none", "default")],
          [True, {"deep": ["ü", 1]}, "default"])
    check("add", [cache.add("a", 1), cache.add("new", BINARY), cache.get("new") == BINARY], [False, True, True])
    many = {f"many{i}": i for i in range(100)}
    cache.set_many(many, timeout=100)
    check("set_many, get_many", cache.get_many([*many, "none"]), many)
    cache.delete_many(many)
    check("delete_many", cache.get_many(many), {})
    cache.set("count", 1)
    check("incr, decr", [cache.incr("count", 41), cache.decr("count"), cache.get("count")], [42, 41, 41])
    check("touch, delete", [cache.touch("a", 50), cache.delete("a"), cache.get("a"), cache.touch("a")], [True, True, None, False])
    check("get_or_set", [cache.get_or_set("made", lambda: 7), cache.get("made")], [7, 7])
    session = SessionStore()
    session["cart"] = [1, 2]
    session.save()
    check("a session", [SessionStore(session.session_key)["cart"], SessionStore().exists(session.session_key)], [[1, 2], True])
    session.delete()
    check("which ends", SessionStore(session.session_key).get("cart"), None)
    if not MEMCACHED:
        only_redis()
    cache.clear()
    check("clear", cache.get("new"), None)
    restart("server")
    check("after a restart of the server", eventually(lambda: cache.set("again", 1) is not False and cache.get("again")), 1)
    done()


def only_redis():
    import redis
    other = redis.Redis(port=SECURED_PORT, password=PASSWORD)
    other.set("kept", 1)
    cache.set("large", LARGE)
    check("a value of 3 MiB", cache.get("large") == LARGE, True)
    with cache.lock("lock", timeout=10):
        check("a lock", other.exists("{shop}:1:lock") or cache.client.get_client().exists("{shop}:1:lock"), 1)
    check("ttl, persist", [cache.set("ttl", 1, timeout=100), cache.ttl("ttl"), cache.persist("ttl"), cache.ttl("ttl")], [True, 100, True, None])
    cache.set_many({f"page{i}": i for i in range(100)})
    check("iter_keys", len(set(cache.iter_keys("page*"))), 100)
    check("delete_pattern", [cache.delete_pattern("page1*"), len(set(cache.iter_keys("page*")))], [11, 89])
    cache.clear()
    check("clear empties its database", cache.get("ttl"), None)
    check("and no other", other.get("kept"), b"1")


main()
