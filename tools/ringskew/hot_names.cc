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

uint32_t WholeRequests(double requests) {
  // The sketch counts whole requests, and a key of a small weight was asked for all the same.
  return static_cast<uint32_t>(std::clamp(std::llround(requests), 1LL, static_cast<long long>(UINT32_MAX)));
}

}  // namespace

void HotNames::Add(const KeySample& sample, uint64_t identity) {
  keys_.Add(identity, sample.key, WholeRequests(sample.requests));
  const size_t at = sample.key.find(delimiter_);
  if (at == std::string_view::npos) return;
  const std::string_view prefix = sample.key.substr(0, at + delimiter_.size());
  prefixes_.Add(ring::Hash(ring::HashAlgorithm::kXxh3, prefix), prefix, WholeRequests(sample.requests));
}

void HotNames::AddTo(Report& report, const Trial& base) const {
  AddKeysTo(report, base);
  for (const auto& hitter : prefixes_.Top(kShownHot)) {
    const double share = static_cast<double>(hitter.count) / report.requests;
    if (share >= kLeastPrefixShare) report.hot_prefixes.push_back({hitter.key, "", share, 1});
  }
}

void HotNames::AddKeysTo(Report& report, const Trial& base) const {
  const uint64_t keys = report.keys_repeat ? report.distinct_keys : report.keys;
  const double mean = report.requests / static_cast<double>(std::max<uint64_t>(keys, 1));
  const double least = std::max(kHotShare * report.requests, kHotTimesMean * mean);
  const Topology& topology = base.topology();
  std::vector<double> rest = base.requests();
  for (const auto& hitter : keys_.Top(kShownHot)) {
    const auto count = static_cast<double>(hitter.count);
    if (count < least) break;
    const ring::NodeIndex owner = topology.Owner(topology.hasher(hitter.key));
    rest[owner] = std::max(rest[owner] - count, 0.0);
    const double share = count / report.requests;
    report.hot_keys.push_back({hitter.key, topology.pool.nodes[owner].name, share, CopiesNeeded(share, rest.size())});
  }
  report.without_hot_spread = ring::MeasureSpread(rest, topology.weights());
}

}  // namespace ringproxy::ringskew
