// The admin port's pages about load: how it is spread over the nodes, which keys make most of it, which are the
// biggest.
#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "proxy/admin/admin_http.h"
#include "proxy/route/database_key.h"
#include "proxy/route/router.h"
#include "ring/skew.h"

namespace ringproxy::proxy {
namespace {

using nlohmann::json;

constexpr size_t kDefaultHotKeys = 20;

// `window`: of LoadHistory.
json WindowJson(const conf::Pool& pool, const PoolSnapshot& routing, net::Duration window) {
  std::vector<backends::NodeLoad> loads;
  net::Duration span{};  // Of a node that came later it is shorter.
  std::vector<double> requests;
  std::vector<double> weights;
  uint64_t all_requests = 0;
  uint64_t all_bytes = 0;
  for (size_t n = 0; n < pool.nodes.size(); ++n) {
    const backends::LoadHistory::Window last = routing.nodes[n]->loads.Last(window);
    const backends::NodeLoad& load = loads.emplace_back(last.load);
    span = std::max(span, last.span);
    requests.push_back(static_cast<double>(load.requests));
    weights.push_back(pool.nodes[n].weight);
    all_requests += load.requests;
    all_bytes += load.bytes;
  }
  const std::vector<double> fair = ring::FairShares(weights);
  json nodes = json::array();
  for (size_t n = 0; n < pool.nodes.size(); ++n) {
    const double share = all_requests > 0 ? requests[n] / static_cast<double>(all_requests) : 0;
    nodes.push_back({{"name", pool.nodes[n].name},
                     {"weight", pool.nodes[n].weight},
                     {"requests", static_cast<uint64_t>(requests[n])},
                     {"bytes", loads[n].bytes},
                     {"share", share},
                     {"fair_share", fair[n]},
                     {"ratio", share / fair[n]}});
  }
  const ring::Spread spread = ring::MeasureSpread(requests, weights);
  return {{"seconds", std::chrono::duration<double>(span).count()},
          {"requests", all_requests},
          {"bytes", all_bytes},
          {"peak_to_mean", spread.peak_to_mean},
          {"cv", spread.cv},
          {"nodes", nodes}};
}

// Of one pool, the workers' lists added up, the most frequent first.
std::vector<ring::HeavyHitters::Hitter> Merged(AllStats workers, size_t pool, uint64_t* total) {
  std::map<std::string, uint64_t> counts;
  for (const auto& worker : workers) {
    const auto view = worker->hot_keys.Get();
    if (view == nullptr) continue;
    *total += view->pools[pool].total;
    // A worker lists only its hottest keys, so a key that is hot in one worker alone lacks what the others saw of it.
    // That is little: clients are spread over the workers.
    for (const auto& hitter : view->pools[pool].top) counts[hitter.key] += hitter.count;
  }
  std::vector<ring::HeavyHitters::Hitter> merged;
  for (const auto& [key, count] : counts) merged.push_back({key, count});
  // Equal counts stay in the order of their keys, so that the page does not shuffle them from one look to the next.
  std::ranges::stable_sort(merged, std::ranges::greater(), &ring::HeavyHitters::Hitter::count);
  return merged;
}

// Of one pool, the largest that any worker has seen of each key, the largest first.
std::vector<ring::BiggestKeys::BigKey> MergedBiggest(AllStats workers, size_t pool) {
  std::map<std::string, ring::BiggestKeys::BigKey> largest;
  for (const auto& worker : workers) {
    const auto view = worker->key_sizes.Get();
    if (view == nullptr) continue;
    for (const auto& big : (*view)[pool]) {
      ring::BiggestKeys::BigKey& known = largest[big.key];
      // Of equal sizes the one that was seen last.
      const bool is_newer = big.bytes == known.bytes && big.ticks_ago < known.ticks_ago;
      if (big.bytes > known.bytes || is_newer) known = big;
    }
  }
  std::vector<ring::BiggestKeys::BigKey> merged;
  for (const auto& [key, big] : largest) merged.push_back(big);
  std::ranges::stable_sort(merged, std::ranges::greater(), &ring::BiggestKeys::BigKey::bytes);
  return merged;
}

// The owner by the ring, whoever stands in for it at the moment: the skew is the ring's.
const std::string& OwnerOf(const conf::Pool& pool, const PoolSnapshot& routing, std::string_view key) {
  return pool.nodes[routing.ring->Pick(KeyHash(routing, key))].name;
}

// `noted`: as DatabaseKey has it. The database is told where it is not 0.
json KeyJson(const conf::Pool& pool, const PoolSnapshot& routing, std::string_view noted) {
  const auto [database, key] = DatabaseKey::Split(noted);
  json row = {{"key", key}, {"node", OwnerOf(pool, routing, key)}};
  if (database != 0) row["database"] = database;
  return row;
}

}  // namespace

AdminReply AdminHttp::Skew(const Query& query) const {
  json pools = json::array();
  for (size_t p = 0; p < snapshot_->pools.size(); ++p) {
    const conf::Pool& pool = snapshot_->config.pools[p];
    if (query.contains("pool") && query.at("pool") != pool.name) continue;
    const PoolSnapshot& routing = snapshot_->pools[p];
    pools.push_back({{"name", pool.name},
                     {"minute", WindowJson(pool, routing, backends::LoadHistory::kMinute)},
                     {"hour", WindowJson(pool, routing, backends::LoadHistory::kHour)}});
  }
  return JsonReply(200, {{"pools", pools}});
}

AdminReply AdminHttp::HotKeysPage(const Query& query) const {
  size_t limit = kDefaultHotKeys;
  if (const auto given = query.find("limit"); given != query.end()) {
    const std::string& text = given->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (error != std::errc() || end != text.data() + text.size()) return JsonError(400, "limit is a number");
  }
  json pools = json::array();
  for (size_t p = 0; p < snapshot_->pools.size(); ++p) {
    const conf::Pool& pool = snapshot_->config.pools[p];
    if (query.contains("pool") && query.at("pool") != pool.name) continue;
    uint64_t total = 0;
    auto merged = Merged(workers_, p, &total);
    merged.resize(std::min(merged.size(), limit));
    json keys = json::array();
    for (const auto& hitter : merged) {
      json row = KeyJson(pool, snapshot_->pools[p], hitter.key);
      row["share"] = static_cast<double>(hitter.count) / static_cast<double>(std::max<uint64_t>(total, 1));
      keys.push_back(std::move(row));
    }
    auto biggest = MergedBiggest(workers_, p);
    biggest.resize(std::min(biggest.size(), limit));
    json big_keys = json::array();
    for (const auto& big : biggest) {
      json row = KeyJson(pool, snapshot_->pools[p], big.key);
      row.update(
          {{"bytes", big.bytes}, {"seen_in", big.in_reply ? "reply" : "request"}, {"seconds_ago", big.ticks_ago}});
      big_keys.push_back(std::move(row));
    }
    pools.push_back({{"name", pool.name}, {"keys", keys}, {"biggest", big_keys}});
  }
  return JsonReply(200, {{"pools", pools}});
}

}  // namespace ringproxy::proxy
