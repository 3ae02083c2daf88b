#include "proxy/control/log_sink.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace ringproxy::proxy {
namespace {

// How soon a wait for the reader notices that the process ends.
constexpr std::chrono::milliseconds kWait{50};

}  // namespace

LogSink::LogSink(int fd, std::function<uint64_t()> overruns) : fd_(fd), overruns_(std::move(overruns)) {}

void LogSink::sink_it_(const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t line;
  base_sink::formatter_->format(message, line);
  const uint64_t lost = dropped();
  bool written = lost == told_ || Write(DroppedLine(lost));
  // A notice that could not leave either is made again, with the higher number, before the next line.
  if (written) told_ = lost;
  written = written && Write({line.data(), line.size()});
  if (!written) dropped_.fetch_add(1, std::memory_order_relaxed);
}

std::string LogSink::DroppedLine(uint64_t lines) {
  const std::string text = fmt::format("{} log lines were dropped, since the log could not be written", lines - told_);
  spdlog::memory_buf_t line;
  base_sink::formatter_->format({"ringproxy", spdlog::level::warn, text}, line);
  return {line.data(), line.size()};
}

bool LogSink::Write(std::string_view text) {
  // The rest of a line that was cut off is lost, and the next one must not seem to be that rest.
  const std::string whole = is_mid_line_ ? "\n" + std::string(text) : std::string(text);
  std::string_view rest = whole;
  while (!rest.empty()) {
    const ssize_t put = WaitForRoom() ? write(fd_, rest.data(), std::min<size_t>(rest.size(), PIPE_BUF)) : -1;
    if (put < 0) return false;
    rest.remove_prefix(static_cast<size_t>(put));
    is_mid_line_ = !rest.empty();
  }
  return true;
}

bool LogSink::WaitForRoom() const {
  pollfd room{fd_, POLLOUT, 0};
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_.load(std::memory_order_relaxed) - Clock::now());
    const auto wait = std::clamp(left, std::chrono::milliseconds(0), kWait);
    // Other events than POLLOUT say that writing will fail.
    if (poll(&room, 1, static_cast<int>(wait.count())) > 0) return true;
    if (left.count() <= 0) return false;
  }
}

void LogSink::flush_() {
  const std::lock_guard lock(mutex_);
  is_flushed_ = true;
  flushed_.notify_all();
}

bool LogSink::WaitForFlush(Clock::time_point end) {
  std::unique_lock lock(mutex_);
  return flushed_.wait_until(lock, end, [this] { return is_flushed_; });
}

}  // namespace ringproxy::proxy
