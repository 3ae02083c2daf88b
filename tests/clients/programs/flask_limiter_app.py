"""Flask-Limiter in front of a small application, with Redis or with memcached, as the argument says."""

import sys

from flask import Flask
from flask_limiter import Limiter

from checks import PASSWORD, PORT, SECURED_PORT, check, done

URI = {"redis": f"redis://:{PASSWORD}@127.0.0.1:{SECURED_PORT}/1", "memcached": f"memcached://127.0.0.1:{PORT}"}[sys.argv[1]]
# memcached cannot keep the times of each visit.
STRATEGIES = ["fixed-window", "fixed-window-elastic-expiry"] + ["moving-window"] * (sys.argv[1] == "redis")


def application(strategy):
    app = Flask(strategy)
    limiter = Limiter(lambda: f"visitor-of-{strategy}", app=app, storage_uri=URI, strategy=strategy, headers_enabled=True, swallow_errors=False)

    @app.route("/")
    @limiter.limit("3/hour")
    def page():
        return "welcome"

    return app.test_client()


def main():
    for strategy in STRATEGIES:
        visitor = application(strategy)
        replies = [visitor.get("/") for _ in range(5)]
        check(f"{strategy}: three pages an hour", [reply.status_code for reply in replies], [200, 200, 200, 429, 429])
        check(f"{strategy}: and how many are left", [reply.headers["X-RateLimit-Remaining"] for reply in replies], ["2", "1", "0", "0", "0"])
        check(f"{strategy}: another process counts on", application(strategy).get("/").status_code, 429)
    done()


main()
