// proxy/control/log.h – The process's log: stderr, as text or one JSON object a line.
//
// Lines go through a bounded queue to a thread of the log's own, so that a reader who is slow, stuck or gone never
// keeps anybody waiting: the oldest lines are dropped instead, and counted. Threads: made before any other thread
// starts and gone after them; meanwhile every thread logs through spdlog. Promise: its end writes what is queued if
// that takes at most kLastWait, and does not wait longer. Whatever a line quotes, it is one line of at most PIPE_BUF
// bytes in printable ASCII, so no pipe splits it, and no terminal obeys it; the end of a longer one is left out.
#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "conf/config.h"

namespace spdlog {
class logger;
namespace details {
class thread_pool;
}
}  // namespace spdlog

namespace ringproxy::proxy {

class LogSink;

class Log {
 public:
  static constexpr std::chrono::milliseconds kLastWait{1000};

  Log(const conf::Log& options, int fd);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log();

  // Its end does not wait for the reader beyond that moment.
  void EndBy(std::chrono::steady_clock::time_point moment) { end_by_ = moment; }

 private:
  std::chrono::steady_clock::time_point end_by_ = std::chrono::steady_clock::time_point::max();
  std::shared_ptr<spdlog::details::thread_pool> thread_;
  std::shared_ptr<LogSink> sink_;
  std::shared_ptr<spdlog::logger> before_;  // Of those who log when this is gone.
};

// Lines that nobody will read, of the log that there is now; from any thread.
uint64_t LogLinesDropped();

// Has it said how many lines were dropped when no line comes that would be preceded by that; call it about once a
// second, on the thread that has made the log.
void SayDroppedLines();

// Writes what is queued and then this line, as the log's end does, for a process that ends without it. False when there
// is no log.
bool LogLastLine(std::string_view text);

}  // namespace ringproxy::proxy
