// backends/line_limit.h – How often a kind of log line may be written that clients, or a fault that goes on, can cause
// again and again: kBurst at once, then one an interval, which says how many were left out since.
//
// Threads: any; one object for each kind of line, static, for the whole process. Fed time.
#pragma once

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "backends/net/loop.h"

namespace ringproxy::backends {

class LineLimit {
 public:
  static constexpr uint32_t kBurst = 10;

  explicit LineLimit(net::Duration interval = std::chrono::seconds(1), uint32_t burst = kBurst)
      : interval_(interval), burst_(burst) {}

  // Writes the line unless its kind has had its share.
  template <typename... Arguments>
  void Log(net::TimePoint now, spdlog::level::level_enum level, spdlog::format_string_t<Arguments...> format,
           Arguments&&... arguments) {
    if (!spdlog::should_log(level)) return;
    const std::optional<uint64_t> left_out = Take(now);
    if (!left_out) return;
    std::string line = fmt::format(format, std::forward<Arguments>(arguments)...);
    if (*left_out > 0) line += fmt::format(" ({} more lines like this were left out)", *left_out);
    spdlog::log(level, "{}", line);
  }

  // For one line: how many were left out since the one before it; nullopt when it is to be left out too.
  std::optional<uint64_t> Take(net::TimePoint now) {
    const std::lock_guard lock(mutex_);
    // A line is paid for by the interval after the last one that was; what was not used for a burst is forgotten.
    paid_until_ = std::max(paid_until_, now - burst_ * interval_);
    if (paid_until_ + interval_ > now) {
      ++left_out_;
      return std::nullopt;
    }
    paid_until_ += interval_;
    return std::exchange(left_out_, 0);
  }

 private:
  const net::Duration interval_;
  const int64_t burst_;
  std::mutex mutex_;  // Taken only where a line would be written.
  net::TimePoint paid_until_ = net::TimePoint::min();
  uint64_t left_out_ = 0;
};

}  // namespace ringproxy::backends
