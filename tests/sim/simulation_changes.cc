// One configuration after the other, in the middle of the load.
#include <algorithm>

#include "proxy/route/router.h"
#include "tests/sim/simulation_thread.h"

namespace ringproxy::sim {
namespace {

// A request may lie so long in a socket that nobody reads, and then reach the node that owned its key.
constexpr net::Duration kLongestWay = std::chrono::seconds(2);

}  // namespace

bool Simulation::IsOwner(const proxy::Snapshot& snapshot, uint32_t fleet, const std::string& name,
                         std::string_view key) const {
  const proxy::NodeId owner = proxy::RouteKey(snapshot, snapshot.listeners[fleet], key);
  return snapshot.pools[owner.pool].nodes[owner.node]->name() == name;
}

bool Simulation::MayOwn(uint32_t fleet, const std::string& name, std::string_view key) const {
  if (IsOwner(*current_, fleet, name, key)) return true;
  return std::ranges::any_of(former_, [&](const Former& former) {
    return loop_.now() <= former.until + kLongestWay && IsOwner(*former.snapshot, fleet, name, key);
  });
}

bool Simulation::IsPresent(const proxy::Snapshot& snapshot, uint32_t node) const {
  return std::ranges::any_of(snapshot.pools[node / kNodesOfAPool].nodes,
                             [&](const auto& record) { return record.get() == &Record(node); });
}

const backends::NodeRecord* Simulation::FindRecord(const proxy::Snapshot& snapshot, size_t node) {
  const auto& nodes = snapshot.pools.front().nodes;
  const auto found =
      std::ranges::find(nodes, "n" + std::to_string(node), [](const auto& record) { return record->name(); });
  return found != nodes.end() ? found->get() : nullptr;
}

net::TimePoint Simulation::AbsentUntil(size_t node) const {
  if (FindRecord(*current_, node) == nullptr) return loop_.now();
  const auto last = std::ranges::find_if(former_.rbegin(), former_.rend(), [&](const Former& former) {
    return FindRecord(*former.snapshot, node) == nullptr;
  });
  return last != former_.rend() ? last->until : net::TimePoint::min();
}

void Simulation::PlanChanges() {
  if (!change_) return;
  for (uint64_t i = 1 + loop_.Random(8); i > 0; --i) {
    loop_.After(loop_.RandomDelay(kFaultsOver - loop_.now() - net::Duration(1)), [this] { ChangeConfig(false); });
  }
  loop_.After(kFaultsOver - loop_.now(), [this] { ChangeConfig(true); });
}

void Simulation::ChangeConfig(bool back) {
  if (back) return Adopt(snapshot_);
  auto next = proxy::MakeSnapshot(ChangedConfig(loop_, snapshot_->config, *change_), registry_);
  limits_.Compile(*next);
  Adopt(std::move(next));
}

void Simulation::Adopt(std::shared_ptr<const proxy::Snapshot> next) {
  ++events_.changes;
  history_ += "\n  at " + std::to_string(loop_.now().time_since_epoch().count()) + " us: another configuration:";
  for (const proxy::PoolSnapshot& pool : next->pools) {
    history_ += " " + pool.nodes.front()->pool();
    for (const auto& node : pool.nodes) history_ += " " + node->name();
  }
  for (uint32_t node = 0; node < kNodes; ++node) {
    if (IsPresent(*next, node) && !IsPresent(*current_, node)) {
      enabled_[node] = loop_.now();
      ++comings_[node];
    }
    for (auto& thread : threads_) thread->seen[node].reset();
  }
  former_.push_back({std::exchange(current_, next), loop_.now()});
  for (auto& thread : threads_) {
    thread->loop.Post([worker = thread->worker.get(), next] { worker->Adopt(next); });
  }
  monitor_->Adopt(*next);
}

// What nodes have taught their limits on requests in flight would refuse many at once, until it is old.
bool Simulation::LimitsAreForgotten() const {
  for (uint32_t node = 0; node < kNodes; ++node) {
    for (const auto& thread : threads_) {
      const uint64_t limit = Record(node).stats(thread->number).concurrency_limit.value();
      if (limit > 0 && limit < kEnoughInFlight) return false;
    }
  }
  return true;
}

}  // namespace ringproxy::sim
