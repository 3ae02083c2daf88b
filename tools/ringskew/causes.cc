#include <algorithm>
#include <cmath>

#include "tools/ringskew/cures.h"

namespace ringproxy::ringskew {
namespace {

// Keys scattered by so many times what the ring and chance explain are the hash's doing.
constexpr double kBadHash = 2;

// The hash spreads the keys worse than the ring and chance do.
bool HashIsBad(const Report& report) {
  // Without keys, or with groups of them that share a tag, nothing is known of the hash.
  if (report.keys == 0 || report.tagged_share.value_or(1) > kTagged) return false;
  const double explained = std::hypot(report.ring_spread.cv, report.sampling_cv);
  return report.keys_spread.peak_to_mean > report.target && report.keys_spread.cv > kBadHash * explained;
}

// What makes the rest of a node's load, which neither hot keys nor the ring explain.
Cause CauseOfRest(const Forecast& forecast, const Report& report, double excess_requests, double ring_share) {
  double deviation = forecast.RestDeviation(ring_share);
  const bool tagged = report.keys > 0 && report.tagged_share.value_or(0) > kTagged;
  // Groups of keys are few and large, and scatter as such. What single keys would scatter is no matter of tags.
  if (tagged) deviation = report.sampling_cv * ring_share * forecast.requests();
  // Of a running proxy nothing is known but the loads: what is left may be chance among few keys.
  if (deviation >= 0 && std::abs(excess_requests) <= kBeyondChance * deviation) return Cause::kChance;
  if (tagged) return Cause::kHashTags;
  if (HashIsBad(report)) return Cause::kHash;
  return Cause::kWeights;
}

}  // namespace

const char* NameOf(Cause cause) {
  switch (cause) {
    case Cause::kHotKeys: return "hot keys";
    case Cause::kRing: return "ring";
    case Cause::kHashTags: return "hash tags";
    case Cause::kHash: return "hash";
    case Cause::kWeights: return "weights";
    case Cause::kChance: return "chance";
  }
  return "";
}

std::vector<CauseRow> FindCauses(const Forecast& forecast, const Report& report) {
  if (forecast.requests() <= 0) return {};
  const auto fullest = std::ranges::max_element(report.nodes, {}, &NodeRow::ratio);
  const auto node = static_cast<ring::NodeIndex>(fullest - report.nodes.begin());
  const double fair = fullest->fair_share;
  const double one = fair * forecast.requests();  // A fair share, in requests.
  const double rest = forecast.requests() - forecast.hot_requests();
  const double hot_here = forecast.hot_requests_on(node);
  const double other = forecast.loads()[node] - hot_here - rest * fullest->ring_share;
  std::vector<CauseRow> causes = {
      {Cause::kHotKeys, (hot_here - forecast.hot_requests() * fair) / one},
      {Cause::kRing, rest * (fullest->ring_share - fair) / one},
      {CauseOfRest(forecast, report, other, fullest->ring_share), other / one},
  };
  if (forecast.hot().empty()) causes.erase(causes.begin());
  std::ranges::stable_sort(causes, std::ranges::greater(), &CauseRow::excess);
  return causes;
}

}  // namespace ringproxy::ringskew
