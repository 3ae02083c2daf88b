// backends/health/busy_notice.h – What a node says while a client's script keeps it from everybody else, for all
// workers.
//
// Purpose: the worker that has sent the script knows it; a client of any worker may ask. Threads: any. Nobody takes the
// lock as long as no node is busy. Bounds: one text.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace ringproxy::backends {

class BusyNotice {
 public:
  bool is_up() const { return workers_.load(std::memory_order_relaxed) > 0; }
  // An error's words, without its type and its end; empty: it is not up.
  std::string words() const {
    if (!is_up()) return {};
    const std::lock_guard lock(mutex_);
    return words_;
  }

  // A worker has heard it from the node. As many calls of TakeDown follow.
  void PutUp(std::string_view words) {
    const std::lock_guard lock(mutex_);
    words_ = words;
    workers_.fetch_add(1, std::memory_order_relaxed);
  }
  void TakeDown() { workers_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  std::atomic<uint32_t> workers_{0};
  mutable std::mutex mutex_;
  std::string words_;
};

}  // namespace ringproxy::backends
