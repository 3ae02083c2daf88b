// proxy/guard/lease_table.h – One worker's leases of one global limit, in bounded memory.
//
// A lease that is idle may be forgotten without loss, and no other is; when all are in use the further buckets share
// one lease, which admits less, never more. It goes by the terms of the limit and stays, once there is one.
// Threads: its worker's. References stay valid until the next Get.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/guard/limit_rules.h"
#include "proxy/guard/quota_lease.h"

namespace ringproxy::proxy {

class LeaseTable {
 public:
  struct KeptLease {
    uint64_t bucket = 0;
    LimitTerms terms = {};
    std::string name;  // Of the bucket in the store.
    QuotaLease lease = {};
    uint32_t used_thousandths = 0;      // Of the bucket in the store, as it last said.
    net::TimePoint recovering_until{};  // The store answers again, but perhaps not yet all proxies.
  };

  explicit LeaseTable(size_t most) : most_(most) {}
  // What the limit allows from now on; before the first Get.
  void Adopt(const LimitRule& rule);

  // The bucket's lease, whose terms may be another's when it is shared; a new one is called what `name` says.
  template <typename Name>
  KeptLease& Get(uint64_t bucket, const LimitTerms& terms, net::TimePoint now, Name&& name) {
    if (const auto known = places_.find(bucket); known != places_.end()) return entries_[known->second];
    return Add(bucket, terms, now, name);
  }
  // nullptr: there is none (any more).
  KeptLease* Find(uint64_t bucket) {
    const auto known = places_.find(bucket);
    return known == places_.end() ? nullptr : &entries_[known->second];
  }

  size_t size() const { return entries_.size(); }
  template <typename Visit>
  void ForEach(Visit&& visit) {
    for (KeptLease& entry : entries_) visit(entry);
  }
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (const KeptLease& entry : entries_) visit(entry);
  }

 private:
  KeptLease& Add(uint64_t bucket, const LimitTerms& terms, net::TimePoint now,
                 const std::function<std::string()>& name);
  // The place of an entry that may be forgotten; entries_.size() when a look at some has found none.
  size_t FindIdle(net::TimePoint now);

  size_t most_;
  LimitTerms terms_ = {};  // Of the shared lease.
  std::vector<KeptLease> entries_;
  std::unordered_map<uint64_t, uint32_t> places_;  // Bucket → its place in entries_.
  size_t hand_ = 0;                                // Where the search for an idle one goes on.
};

}  // namespace ringproxy::proxy
