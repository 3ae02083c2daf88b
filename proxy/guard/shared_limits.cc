#include "proxy/guard/shared_limits.h"

namespace ringproxy::proxy {
namespace {

// A limit without `per` has one bucket in all, and one by connection or value as many as it is given.
size_t BucketsOf(const LimitRule& rule) {
  const bool has_many =
      rule.per.connection || rule.per.client_ip || rule.per.user || rule.per.key || rule.per.prefix > 0;
  return has_many ? rule.conf->buckets : 1;
}

}  // namespace

SharedLimits::SharedLimits(std::shared_ptr<const Snapshot> snapshot, uint32_t workers, uint64_t seed)
    : rules_(std::move(snapshot), seed), workers_(workers), process_id_(std::to_string(seed)) {
  for (const LimitRule& rule : rules_.rules()) tables_.push_back(std::make_unique<BucketTable>(BucketsOf(rule)));
}

}  // namespace ringproxy::proxy
