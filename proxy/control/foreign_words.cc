#include "proxy/control/foreign_words.h"

#include <spdlog/spdlog.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

#include "backends/line_limit.h"
#include "backends/net/libevent_words.h"
#include "proxy/control/log.h"

namespace ringproxy::proxy {
namespace {

[[noreturn]] void EndWith(const std::string& words) noexcept {
  thread_local bool is_ending = false;
  // What fails while it speaks is not spoken of.
  if (!std::exchange(is_ending, true) && !LogLastLine(words)) std::cerr << "ringproxy: " << words << std::endl;
  std::abort();
}

[[noreturn]] void OnTerminate() {
  try {
    if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    EndWith(std::string("an exception that nobody catches: ") + error.what());
  } catch (...) {
    EndWith("an exception that nobody catches");
  }
  EndWith("std::terminate was called");
}

void OnLibeventWord(net::LibeventWord word, const char* text) {
  static backends::LineLimit lines;
  // It is logged as the last line, where nothing is left out.
  if (word == net::LibeventWord::kLast) EndWith(std::string("libevent: ") + text);
  const auto level = word == net::LibeventWord::kWarning ? spdlog::level::warn : spdlog::level::info;
  const auto now = std::chrono::time_point_cast<net::Duration>(std::chrono::steady_clock::now());
  lines.Log(now, level, "libevent: {}", text);
}

}  // namespace

void LogForeignWords() {
  std::set_terminate(OnTerminate);
  net::HearLibevent(OnLibeventWord, [] { EndWith("libevent cannot go on"); });
}

}  // namespace ringproxy::proxy

// What assert() calls. The C library's own writes to stderr, where a line has the log's format and no other; a program
// that defines it has its own called everywhere.
extern "C" void __assert_fail(const char* assertion, const char* file, unsigned line, const char* function) noexcept {
  ringproxy::proxy::EndWith(fmt::format("{}:{}: {}: Assertion `{}' failed.", file, line, function, assertion));
}
