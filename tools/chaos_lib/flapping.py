"""A node that dies and comes back, again and again."""
import re
from itertools import pairwise

from .load import MS, pause
from .sampler import Sampler, now
from .scenarios import Row, no_error, nothing_crossed

PERIOD_SECONDS = 2
WORKERS = 2
MOVES = 5  # A node that falls and rises: up → down → trial → up, and once back for the second worker's trial.
CONNECTIONS_A_SECOND = 10


def flap(bench):
    with bench.fleet() as fleet:
        node, others = fleet.nodes[0], fleet.nodes[1:]
        seen = []

        def attempts():
            return sum(fleet.admin.metric(name, node=node.name) for name in ("node_connects_total", "node_connect_failures_total"))

        with bench.load(fleet) as load, Sampler(attempts, 0.1) as opened:
            begin = now()
            times = []
            while now() - begin < bench.flap_seconds * 1000 * MS:
                received = re.search(r"total_connections_received:(\d+)", _text(node.ask("INFO", "stats")))
                seen.append(int(received[1]))
                times.append(now())
                node.kill()
                pause(PERIOD_SECONDS)
                node.start()
                node.wait_until_it_serves()
                times.append(now())
                pause(PERIOD_SECONDS)
            end = now()
            moves = _transitions(fleet, node)
        return _rows(load, (node, others), (begin, end, times), opened.most_in_a_second() / WORKERS, seen, moves)


def _text(reply):
    return reply if isinstance(reply, str) else ""


def _transitions(fleet, node):
    moves = {}
    for labels, count in fleet.admin.samples("node_transitions_total"):
        if labels["node"] == node.name:
            move = f"{labels['from']} → {labels['to']}"
            moves[move] = moves.get(move, 0) + int(count)
    return moves


def _rows(load, nodes, span, most, seen, moves):
    node, others = nodes
    begin, end, times = span
    flaps, total = len(times) // 2, sum(moves.values())
    by_itself = [(up, down) for up, down in pairwise([*times[1:], end])][::2]  # The spans in which it could serve.
    asked = [load.of(node).between(up, down) for up, down in by_itself]
    served, of = sum(len(each.good()) for each in asked), sum(map(len, asked))
    shown = ", ".join(f"{count} × {move}" for move, count in sorted(moves.items(), key=lambda item: -item[1]))
    return [
        Row(f"transitions in {flaps} flaps", f"≤ {MOVES} a flap", f"{total} ({shown})", total <= MOVES * flaps, {"moves": moves}),
        Row("connections opened to it, the most in a second for each worker", f"≤ {CONNECTIONS_A_SECOND}", f"{most:.1f}",
            most <= CONNECTIONS_A_SECOND, {"most": most}),
        Row("connections that the node itself saw while it lived", "–",
            f"{max(seen[1:], default=0)} at most in {PERIOD_SECONDS} s, the checks' and this tool's among them"),
        Row("served of the requests for its keys while it could serve", "–", f"{served / max(of, 1):.0%}"),
        no_error(load, others, begin, end, "the other three nodes' keys"),
        nothing_crossed(load),
    ]
