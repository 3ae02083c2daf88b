#include "tools/ringskew/hot_names.h"

#include <algorithm>
#include <cmath>

#include "ring/hash.h"
#include "tools/ringskew/advice.h"

namespace ringproxy::ringskew {
namespace {

constexpr size_t kShownHot = 20;
// Hot besides: so many times an average key.
constexpr double kHotTimesMean = 10;
constexpr double kLeastPrefixShare = 0.01;
// What a key may do to a node, in fair shares: a key below it is hot only if it stands out among many.
constexpr double kHotOnANode = 0.5;
constexpr double kHotTimesMeanOfFew = 2;
// More hot keys are no advice to anybody.
constexpr size_t kMostHot = 128;

}  // namespace

void HotNames::Add(const KeySample& sample, uint64_t identity) {
  keys_.Add(identity, sample.key, sample.requests);
  const size_t at = sample.key.find(delimiter_);
  if (at == std::string_view::npos) return;
  const std::string_view prefix = sample.key.substr(0, at + delimiter_.size());
  prefixes_.Add(ring::Hash(ring::HashAlgorithm::kXxh3, prefix), prefix, sample.requests);
}

std::vector<HotLoad> HotNames::AddTo(Report& report, const Trial& base) const {
  std::vector<HotLoad> hot = AddKeysTo(report, base);
  for (const auto& prefix : prefixes_.Top(kShownHot)) {
    const double share = prefix.weight / report.requests;
    if (share >= kLeastPrefixShare) report.hot_prefixes.push_back({prefix.key, "", share, 1});
  }
  return hot;
}

std::vector<HotLoad> HotNames::AddKeysTo(Report& report, const Trial& base) const {
  const uint64_t keys = report.keys_repeat ? report.distinct_keys : report.keys;
  const double mean = 1 / static_cast<double>(std::max<uint64_t>(keys, 1));  // As a share.
  const Topology& topology = base.topology();
  std::vector<double> rest = base.requests();
  std::vector<HotLoad> all;
  for (const auto& heavy : keys_.Top(kMostHot)) {
    const double share = heavy.weight / report.requests;
    const bool stands_out = share >= kHotShare && share >= kHotTimesMean * mean;
    const bool fills_a_node =
        share * static_cast<double>(rest.size()) > kHotOnANode && share > kHotTimesMeanOfFew * mean;
    if (!stands_out && !fills_a_node) break;
    all.push_back({heavy.key, heavy.weight});
    if (all.size() > kShownHot) continue;
    const ring::NodeIndex owner = topology.Owner(topology.hasher(heavy.key));
    rest[owner] = std::max(rest[owner] - heavy.weight, 0.0);
    report.hot_keys.push_back({heavy.key, topology.pool.nodes[owner].name, share, CopiesNeeded(share, rest.size())});
  }
  report.without_hot_spread = ring::MeasureSpread(rest, topology.weights());
  return all;
}

}  // namespace ringproxy::ringskew
