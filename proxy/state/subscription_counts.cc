#include "proxy/state/subscription_counts.h"

#include "backends/wire/glob.h"

namespace ringproxy::proxy {
namespace {

int64_t CountOf(const std::unordered_map<std::string, int64_t>& names, std::string_view name) {
  const auto found = names.find(std::string(name));
  return found != names.end() ? found->second : 0;
}

}  // namespace

void SubscriptionCounts::Add(uint64_t scope, TopicKind kind, std::string_view name, int delta) {
  const std::lock_guard lock(mutex_);
  ScopeNames& kinds = scopes_[scope];
  Names& names = kinds[static_cast<size_t>(kind)];
  const auto [entry, is_new] = names.try_emplace(std::string(name), 0);
  entry->second += delta;
  if (is_new) entries_.store(entries_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (entry->second != 0) return;
  names.erase(entry);
  entries_.store(entries_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  for (const Names& each : kinds) {
    if (!each.empty()) return;
  }
  // Nodes come and go.
  scopes_.erase(scope);
}

void SubscriptionCounts::AddMissing(const backends::NodeRecord& node, int delta) {
  const std::lock_guard lock(mutex_);
  const auto entry = missing_.try_emplace(&node, 0).first;
  entry->second += delta;
  if (entry->second == 0) missing_.erase(entry);
  nodes_missed_at_.store(missing_.size(), std::memory_order_relaxed);
}

bool SubscriptionCounts::IsMissedAt(const backends::NodeRecord& node) const {
  if (nodes_missed_at_.load(std::memory_order_relaxed) == 0) return false;
  const std::lock_guard lock(mutex_);
  return missing_.contains(&node);
}

int64_t SubscriptionCounts::Named(uint64_t scope, TopicKind kind, std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = scopes_.find(scope);
  return found != scopes_.end() ? CountOf(found->second[static_cast<size_t>(kind)], name) : 0;
}

SubscriptionCounts::Reached SubscriptionCounts::ReachedBy(const backends::NodeRecord& node, uint32_t pool,
                                                          TopicKind kind, std::string_view channel) const {
  const std::lock_guard lock(mutex_);
  const auto links = scopes_.find(ScopeOf(node));
  const auto clients = scopes_.find(pool);
  if (links == scopes_.end()) return {};
  Reached reached;
  const auto add = [&](TopicKind of, std::string_view name, int64_t count) {
    reached.links += count;
    if (clients != scopes_.end()) reached.clients += CountOf(clients->second[static_cast<size_t>(of)], name);
  };
  if (const int64_t named = CountOf(links->second[static_cast<size_t>(kind)], channel); named > 0)
    add(kind, channel, named);
  // Patterns are not for what SPUBLISH sends.
  if (kind != TopicKind::kChannel) return reached;
  for (const auto& [pattern, count] : links->second[static_cast<size_t>(TopicKind::kPattern)]) {
    if (wire::MatchesGlob(pattern, channel, wire::Case::kMatters)) add(TopicKind::kPattern, pattern, count);
  }
  return reached;
}

}  // namespace ringproxy::proxy
