// proxy/guard/shared_limits.h – What all workers have in common of the limits, whatever the configuration: the records
// of the limits by their names, and how the process stands among the proxies.
//
// Threads: Compile is the control loop's, all else any thread's. Ownership: the process's; made before the workers,
// gone after them and the admin port.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "proxy/guard/limit_record.h"
#include "proxy/guard/limit_rules.h"

namespace ringproxy::proxy {

class SharedLimits {
 public:
  SharedLimits(uint32_t workers, uint64_t seed);

  // Gives the snapshot its rules, before anybody else sees it. A limit that another snapshot names too has its record.
  void Compile(Snapshot& snapshot);

  // Proxies alive, this one among them, as the store last said.
  uint32_t proxies() const { return proxies_.load(std::memory_order_relaxed); }
  // One thread's. The higher one of this and the last count holds: a store that has lost its data has not heard of all.
  void SetProxies(uint32_t count) {
    proxies_.store(std::max({count, std::exchange(last_count_, count), 1U}), std::memory_order_relaxed);
  }
  // Workers that lease from the store.
  uint32_t lessees() const {
    return static_cast<uint32_t>(std::min<uint64_t>(uint64_t{proxies()} * workers_, UINT32_MAX));
  }
  // Under which the process is counted there.
  const std::string& process_id() const { return process_id_; }
  // True for one caller alone: the worker that speaks for the process.
  bool BecomeSpeaker() { return !has_speaker_.exchange(true); }

 private:
  std::shared_ptr<LimitRecord> RecordOf(const conf::Limit& limit);

  uint32_t workers_;
  uint64_t seed_;
  std::map<std::string, std::weak_ptr<LimitRecord>> records_;
  std::string process_id_;
  std::atomic<uint32_t> proxies_{1};
  uint32_t last_count_ = 1;
  std::atomic<bool> has_speaker_{false};
};

}  // namespace ringproxy::proxy
