// proxy/guard/refusal_memory.h – Which buckets of the store are known to be empty, and until when.
//
// Purpose: with check: exact the store is asked once a request, but not for what it has just refused. Bounded: what
// does not fit is not remembered, and then the store is asked. Threads: its worker's.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "backends/net/loop.h"

namespace ringproxy::proxy {

class RefusalMemory {
 public:
  explicit RefusalMemory(size_t most) : most_(most) {}

  // A request of `cost` was refused; before `until` none that costs as much is admitted.
  void Note(uint64_t bucket, uint64_t cost, net::TimePoint until, net::TimePoint now);
  void Forget(uint64_t bucket) { refusals_.erase(bucket); }
  // How long a request is still refused for sure; 0 = not at all.
  net::Duration Refused(uint64_t bucket, uint64_t cost, net::TimePoint now) const;
  // Something was refused, perhaps some time ago, and nothing admitted since.
  bool Knows(uint64_t bucket) const { return refusals_.contains(bucket); }
  size_t size() const { return refusals_.size(); }

 private:
  struct Refusal {
    uint64_t cost;
    net::TimePoint until;
  };

  size_t most_;
  std::unordered_map<uint64_t, Refusal> refusals_;
};

}  // namespace ringproxy::proxy
