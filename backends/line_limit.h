// backends/line_limit.h – How often a kind of log line may be written that clients, or a fault that goes on, can cause
// again and again: kBurst at once, then one an interval. How many were left out is said by the next line of the kind
// or, when none comes, by SayLeftOut.
//
// Threads: any; an object for each kind of line. Fed time. Memory: as much as one line.
#pragma once

#include <spdlog/spdlog.h>

#include <cstdint>
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
  LineLimit(const LineLimit&) = delete;
  LineLimit& operator=(const LineLimit&) = delete;
  ~LineLimit();

  // Writes the line unless its kind has had its share.
  template <typename... Arguments>
  void Log(net::TimePoint now, spdlog::level::level_enum level, spdlog::format_string_t<Arguments...> format,
           Arguments&&... arguments) {
    if (!spdlog::should_log(level)) return;
    const std::optional<uint64_t> left_out = Take(now);
    if (left_out) Write(level, fmt::format(format, std::forward<Arguments>(arguments)...), *left_out);
  }

  // For one line: how many were left out since the one before it; nullopt when it is to be left out too.
  std::optional<uint64_t> Take(net::TimePoint now);

  // Of every kind that has left lines out, says how many when its next line may come; call it about once a second.
  static void SayLeftOut(net::TimePoint now);
  // At the end of the process: at once.
  static void SayAllLeftOut();

 private:
  struct LeftOut {
    spdlog::level::level_enum level;
    std::string line;
  };

  void Write(spdlog::level::level_enum level, std::string line, uint64_t left_out);
  bool Pay(net::TimePoint now);
  LeftOut TakeLeftOut();

  const net::Duration interval_;
  const int64_t burst_;
  // One mutex, taken only where a line would be written, guards these of all objects.
  net::TimePoint paid_until_ = net::TimePoint::min();
  uint64_t left_out_ = 0;
  std::string example_;  // The last line.
  spdlog::level::level_enum level_ = spdlog::level::off;
};

}  // namespace ringproxy::backends
