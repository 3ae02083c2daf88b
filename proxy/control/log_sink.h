// proxy/control/log_sink.h – Writes log lines to a descriptor whose reader may be slow, stuck or gone.
//
// It waits for the reader on the log's own thread, so that nobody else does, and only until EndBy's moment. The
// descriptor stays a blocking one, since other processes may share it: each piece is at most what a pipe that is
// writable takes at once, so a line of that size is never mixed with others' either. A line that cannot be written is
// dropped and counted; as soon as one can be written again, a line before it says how many were dropped. One of which a
// part was written is finished first.
// Threads: made on one thread, then used by the log's thread but for EndBy, WaitForFlush, dropped and owes.
#pragma once

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace ringproxy::proxy {

class LogSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  using Clock = std::chrono::steady_clock;

  // `overruns`: how many lines did not even come here, since the queue was full.
  LogSink(int fd, std::function<uint64_t()> overruns);

  // Nobody waits for the reader after that moment.
  void EndBy(Clock::time_point end) { end_.store(end, std::memory_order_relaxed); }
  // False when the lines before the logger's flush are not through by then.
  bool WaitForFlush(Clock::time_point end);
  // Lines lost so far, here and before.
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed) + overruns_(); }
  // It is done with all lines and has something to say before the next one. An empty line is an occasion, and no line.
  bool owes() const { return owes_.load(std::memory_order_relaxed); }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override;

  // False when nothing of it was written.
  bool Write(std::string_view text);
  bool FinishLine();
  bool SayDropped();
  // How many bytes were taken.
  size_t Put(std::string_view text) const;
  bool WaitForRoom() const;

  const int fd_;
  const std::function<uint64_t()> overruns_;
  std::atomic<Clock::time_point> end_{Clock::time_point::max()};
  std::atomic<uint64_t> dropped_{0};
  std::atomic<bool> owes_{false};
  uint64_t told_ = 0;  // Of dropped(): said in a line.
  std::string rest_;   // Of the line that was begun last.
  std::mutex mutex_;
  std::condition_variable flushed_;
  bool is_flushed_ = false;  // Guarded by mutex_.
};

}  // namespace ringproxy::proxy
