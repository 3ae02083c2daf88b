// proxy/control/log.h – The process's log: stderr, as text or one JSON object a line.
//
// Lines go through a bounded queue to a thread of the log's own, so that a reader who is slow, stuck or gone never
// keeps anybody waiting: the oldest lines are dropped instead, and counted. Threads: made before any other thread
// starts and gone after them; meanwhile every thread logs through spdlog. Promise: its end writes what is queued if
// that takes at most kLastWait, and does not wait longer.
#pragma once

#include <chrono>
#include <memory>

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

 private:
  std::shared_ptr<spdlog::details::thread_pool> thread_;
  std::shared_ptr<LogSink> sink_;
  std::shared_ptr<spdlog::logger> before_;  // Of those who log when this is gone.
};

// Lines that nobody will read, of the log that there is now; from any thread.
uint64_t LogLinesDropped();

}  // namespace ringproxy::proxy
