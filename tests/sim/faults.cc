#include "tests/sim/faults.h"

#include <algorithm>

namespace ringproxy::sim {
namespace {

struct Fault {
  std::string_view name;
  void (*begin)(SimLoop& loop, SimNode& node, net::TimePoint end);
  void (*finish)(SimNode& node) = nullptr;  // None: it is over at once, or by itself.
};

// Goes down and comes up again and again.
void Flap(SimLoop& loop, SimNode& node, net::TimePoint end) {
  const net::Duration up = loop.RandomDelay(net::Duration(60'000));
  const net::Duration down = loop.RandomDelay(net::Duration(60'000));
  if (loop.now() + up + down >= end) return;
  node.Kill();
  loop.After(down, [&node] { node.Revive(); });
  loop.After(down + up, [&loop, &node, end] { Flap(loop, node, end); });
}

constexpr Fault kFaults[] = {
    {"dies", [](SimLoop&, SimNode& node, net::TimePoint) { node.Kill(); }, [](SimNode& node) { node.Revive(); }},
    {"takes no connections", [](SimLoop&, SimNode& node, net::TimePoint) { node.Refuse(); },
     [](SimNode& node) { node.Revive(); }},
    {"flaps", Flap},
    {"hangs", [](SimLoop&, SimNode& node, net::TimePoint) { node.Stall(true); },
     [](SimNode& node) { node.Stall(false); }},
    {"does not read", [](SimLoop&, SimNode& node, net::TimePoint) { node.Deafen(true); },
     [](SimNode& node) { node.Deafen(false); }},
    {"is late",
     [](SimLoop& loop, SimNode& node, net::TimePoint) {
       node.Delay(net::Duration(5'000) + loop.RandomDelay(net::Duration(loop.Chance(0.5) ? 20'000 : 295'000)));
     },
     [](SimNode& node) { node.Delay(net::Duration(0)); }},
    {"is sick", [](SimLoop& loop, SimNode& node, net::TimePoint) { node.Sicken(loop.Random(4)); },
     [](SimNode& node) { node.Sicken(std::nullopt); }},
    {"talks nonsense", [](SimLoop&, SimNode& node, net::TimePoint) { node.Garble(true); },
     [](SimNode& node) { node.Garble(false); }},
    {"loses a connection", [](SimLoop&, SimNode& node, net::TimePoint) { node.ResetOne(); }},
    {"is cut off without a word", [](SimLoop&, SimNode& node, net::TimePoint) { node.SilenceAll(); }},
    {"closes its side", [](SimLoop&, SimNode& node, net::TimePoint) { node.HalfCloseAll(); }},
    {"never answers a handshake", [](SimLoop&, SimNode& node, net::TimePoint) { node.Mute(true); },
     [](SimNode& node) { node.Mute(false); }},
    {"dies in the handshake", [](SimLoop&, SimNode& node, net::TimePoint) { node.ResetInHandshake(true); },
     [](SimNode& node) { node.ResetInHandshake(false); }},
};

// Mostly one; some, all of one protocol, or all.
std::vector<SimNode*> Victims(SimLoop& loop, std::span<const std::unique_ptr<SimNode>> nodes) {
  std::vector<SimNode*> victims;
  const bool one = loop.Chance(0.7);
  const size_t half = nodes.size() / 2;
  const uint64_t kind = loop.Random(4);
  const size_t chosen = loop.Random(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    const bool of_group = kind == 0 || (kind == 1 ? i / half == chosen / half : loop.Chance(0.5));
    if (one ? i == chosen : of_group) victims.push_back(nodes[i].get());
  }
  return victims;
}

}  // namespace

std::string BeginFault(SimLoop& loop, std::span<const std::unique_ptr<SimNode>> nodes, net::TimePoint end) {
  const Fault& fault = kFaults[loop.Random(std::size(kFaults))];
  const net::Duration length = loop.RandomDelay(net::Duration(loop.Chance(0.7) ? 100'000 : 500'000));
  const net::TimePoint until = std::min(end, loop.now() + length);
  std::string text = "\n  at " + std::to_string(loop.now().time_since_epoch().count()) + " us, until " +
                     std::to_string(until.time_since_epoch().count()) + ": " + std::string(fault.name) + ":";
  for (SimNode* node : Victims(loop, nodes)) {
    text += " " + std::to_string(node->port());
    fault.begin(loop, *node, until);
    if (fault.finish != nullptr) loop.After(until - loop.now(), [node, finish = fault.finish] { finish(*node); });
  }
  return text;
}

}  // namespace ringproxy::sim
