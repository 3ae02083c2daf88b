"""What ringskew forecasts is what a proxy measures once the change is made."""

import contextlib
import json
import re

import pytest
from ringskew_runs import report
from servers import Proxy, RedisServer, encode, pool_config, wait_for


def place(proxy, requests):
    """Sends so many GETs of each key, and returns how many each node of the proxy got."""
    def counts():
        pool, = json.loads(proxy.get("/api/v1/pools")[1])["pools"]
        return {node["name"]: node["requests"] for node in pool["nodes"]}
    before = counts()
    with proxy.client() as client:
        batch = [encode("GET", key) for key, count in requests.items() for _ in range(count)]
        for begin in range(0, len(batch), 500):
            client.send(b"".join(batch[begin:begin + 500]))
            for _ in batch[begin:begin + 500]:
                client.reply()
    sent = wait_for(lambda: sum((now := counts()).values()) - sum(before.values()) >= len(batch) and now, "all requests to be counted")
    return {name: count - before[name] for name, count in sent.items()}


def peak(counts):
    """The largest ratio of nodes that can all take the same."""
    return max(counts.values()) / sum(counts.values()) * len(counts)


def pasted_weights(yaml):
    return {name: int(weight) for name, weight in re.findall(r"name: ([^,]+), weight: (\d+)", yaml)}


def test_a_forecast_is_what_a_proxy_with_that_change_measures(tmp_path):
    """What-ifs and cures, each applied to the configuration of a proxy that then gets the very requests."""
    requests = {f"user:{i}": 1 + int(600 / (i + 1)) for i in range(1500)}
    keys = tmp_path / "keys"
    keys.write_text("".join(f"{key}\t{count}\n" for key, count in requests.items()))
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(RedisServer()) for _ in range(4)]

        def measured(names, weights=None, ring=None, requests=requests):
            config = pool_config(servers[:len(names)], ring={"virtual_nodes": 128, **(ring or {})})
            for name, node in zip(names, config["pools"]["main"]["nodes"]):
                node |= {"name": name, "weight": (weights or {}).get(name, 1)}
            with Proxy(config) as proxy:
                return place(proxy, requests)

        base = ["--nodes", "n1,n2,n3", "--virtual-nodes", "128", "--keys", keys]
        names = ["n1", "n2", "n3"]
        found = report(*base)
        counts = measured(names)
        assert {node["name"]: node["requests"] for node in found["nodes"]} == counts
        for change, others in {
                ("--weight", "n1=2"): dict(names=names, weights={"n1": 2}),
                ("--add", "n4"): dict(names=[*names, "n4"]),
                ("--remove", "n2"): dict(names=["n1", "n3"])}.items():
            forecast = {node["name"]: node["requests"] for node in report(*base, *change)["change"]["nodes"]}
            assert measured(**others) == pytest.approx(forecast, rel=0.02)
        for cure in found["cures"]:
            kind, weights = cure["cure"].split()[0], pasted_weights(cure["yaml"])
            hot = sorted(requests, key=requests.get, reverse=True)
            if kind == "cache":
                count = int((re.match(r"cache the (\d+)", cure["cure"]) or [0, 1])[1])
                became = measured(names, requests={key: requests[key] for key in hot[count:]})
            elif kind == "keep":
                count = int((re.match(r"keep the (\d+)", cure["cure"]) or [0, 1])[1])
                copies = int(re.search(r"in (\d+) copies", cure["cure"])[1])
                split = {f"{key}#{copy}": requests[key] // copies for key in hot[:count] for copy in range(1, copies + 1)}
                became = measured(names, requests={key: requests[key] for key in hot[count:]} | split)
            elif kind == "add":
                became = measured([*names, cure["cure"].split()[-1]])
            else:
                number = int(re.search(r"virtual_nodes: (\d+)", cure["yaml"])[1])
                became = measured(names, weights, {"virtual_nodes": number})
            assert peak(became) == pytest.approx(cure["peak_to_mean"], rel=0.02), cure["cure"]
        assert {cure["cure"].split()[0] for cure in found["cures"]} == {"cache", "keep", "set", "reweight", "add"}
