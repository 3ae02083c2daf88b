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
  owes_.store(false, std::memory_order_relaxed);
  bool written = FinishLine() && SayDropped();
  if (message.payload.size() > 0) {
    spdlog::memory_buf_t line;
    base_sink::formatter_->format(message, line);
    written = written && Write({line.data(), line.size()});
    if (!written) dropped_.fetch_add(1, std::memory_order_relaxed);
  }
  owes_.store(!rest_.empty() || dropped() != told_, std::memory_order_relaxed);
}

bool LogSink::FinishLine() {
  rest_.erase(0, Put(rest_));
  return rest_.empty();
}

// A notice that cannot leave either is made again, with the higher number, before the next line.
bool LogSink::SayDropped() {
  const uint64_t lost = dropped();
  if (lost == told_) return true;
  const std::string text = fmt::format("{} log lines were dropped, since the log could not be written", lost - told_);
  spdlog::memory_buf_t line;
  base_sink::formatter_->format({"ringproxy", spdlog::level::warn, text}, line);
  if (!Write({line.data(), line.size()})) return false;
  told_ = lost;
  return rest_.empty();
}

bool LogSink::Write(std::string_view text) {
  const size_t put = Put(text);
  if (put > 0) rest_ = text.substr(put);
  return put > 0;
}

size_t LogSink::Put(std::string_view text) const {
  size_t done = 0;
  while (done < text.size() && WaitForRoom()) {
    const ssize_t put = write(fd_, text.data() + done, std::min<size_t>(text.size() - done, PIPE_BUF));
    if (put > 0) {
      done += static_cast<size_t>(put);
    } else if ((errno != EINTR && errno != EAGAIN) || Clock::now() >= end_.load(std::memory_order_relaxed)) {
      break;
    } else {
      // Another process has made the descriptor a non-blocking one, and poll sees room where the write does not.
      poll(nullptr, 0, static_cast<int>(kWait.count()));
    }
  }
  return done;
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
