// proxy/guard/shared_limits.h – What all workers have in common of the limits: the rules, and the process's buckets.
//
// Threads: any. Ownership: the process's; made before the workers, gone after them and the admin port.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/guard/bucket_table.h"
#include "proxy/guard/limit_rules.h"

namespace ringproxy::proxy {

class SharedLimits {
 public:
  SharedLimits(std::shared_ptr<const Snapshot> snapshot, uint32_t workers, uint64_t seed);

  const LimitRules& rules() const { return rules_; }
  // Of a rule; under a global one, what the process goes by while the store fails.
  BucketTable& table(uint32_t rule) { return *tables_[rule]; }
  const BucketTable& table(uint32_t rule) const { return *tables_[rule]; }

  // Proxies alive, this one among them, as the store last said.
  uint32_t proxies() const { return proxies_.load(std::memory_order_relaxed); }
  // One thread's. The higher one of this and the last count holds: a store that has lost its data has not heard of all.
  void SetProxies(uint32_t count) {
    proxies_.store(std::max({count, std::exchange(last_count_, count), 1U}), std::memory_order_relaxed);
  }
  // Workers that lease from the store.
  uint32_t lessees() const { return proxies() * workers_; }
  // Under which the process is counted there.
  const std::string& process_id() const { return process_id_; }
  // True for one caller alone: the worker that speaks for the process.
  bool BecomeSpeaker() { return !has_speaker_.exchange(true); }

 private:
  LimitRules rules_;
  std::vector<std::unique_ptr<BucketTable>> tables_;  // By rule.
  uint32_t workers_;
  std::string process_id_;
  std::atomic<uint32_t> proxies_{1};
  uint32_t last_count_ = 1;
  std::atomic<bool> has_speaker_{false};
};

}  // namespace ringproxy::proxy
