#include "proxy/guard/limit_record.h"

#include "conf/limit_words.h"

namespace ringproxy::proxy {
namespace {

// A limit without `per` has one bucket in all, and one by connection or value as many as it is given.
size_t BucketsOf(const conf::Limit& limit) {
  return limit.per.empty() && limit.scope != conf::LimitScope::kConnection ? 1 : limit.buckets;
}

bool CountsByWindow(conf::LimitAlgorithm algorithm) {
  return algorithm == conf::LimitAlgorithm::kSlidingWindow || algorithm == conf::LimitAlgorithm::kFixedWindow;
}

}  // namespace

LimitRecord::LimitRecord(const conf::Limit& limit, uint32_t workers) : limit_(limit), table_(BucketsOf(limit)) {
  for (uint32_t i = 0; i < workers; ++i) states_.emplace_back(limit.buckets);
}

bool LimitRecord::Fits(const conf::Limit& limit) const {
  // Words of windows hold a number of windows, which means another time once their length changes. A token bucket holds
  // a time, so its rate and its burst may change.
  const bool same_window = !CountsByWindow(limit.algorithm) || limit.rate.window == limit_.rate.window;
  return limit.name == limit_.name && limit.algorithm == limit_.algorithm && limit.scope == limit_.scope &&
         limit.check == limit_.check && limit.per == limit_.per && limit.buckets == limit_.buckets && same_window;
}

uint64_t LimitRecord::Sum(backends::Counter LimitStats::*counter) const {
  uint64_t total = 0;
  for (const LimitState& state : states_) total += (state.stats.*counter).value();
  return total;
}

}  // namespace ringproxy::proxy
