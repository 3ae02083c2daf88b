#include "proxy/control/foreign_words.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cassert>
#include <stdexcept>
#include <thread>

#include "proxy/control/log.h"

namespace ringproxy::proxy {
namespace {

// A process of its own, whose log is its stderr.
class ForeignWordsDeathTest : public testing::Test {
 protected:
  ForeignWordsDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  template <class Act>
  void InALoggingProcess(Act act) {
    LogForeignWords();
    conf::Log options;
    options.format = conf::LogFormat::kJson;
    const Log log(options, STDERR_FILENO);
    act();
  }

  template <class Thrown>
  static void ThrowOnAThread(const Thrown& thrown) {
    std::thread([&] { throw thrown; }).join();
  }

  const testing::KilledBySignal aborts_{SIGABRT};
};

TEST_F(ForeignWordsDeathTest, AnAssertionThatFailsIsALineOfTheLog) {
  const volatile int two = 2;
  EXPECT_EXIT(InALoggingProcess([&] { assert(two == 3); }), aborts_,
              R"(^\{"time":"[^"]*","level":"error","message":"[^"]*Assertion `two == 3' failed\."\}.$)");
}

TEST_F(ForeignWordsDeathTest, SoIsAnExceptionThatNobodyCatches) {
  EXPECT_EXIT(InALoggingProcess([] { ThrowOnAThread(std::runtime_error("no \"luck\"\n")); }), aborts_,
              R"(^\{[^{}]*"error","message":"an exception that nobody catches: no \\"luck\\"\\n"\}.$)");
  EXPECT_EXIT(InALoggingProcess([] { ThrowOnAThread(1); }), aborts_,
              R"(^\{[^{}]*"message":"an exception that nobody catches"\}.$)");
  EXPECT_EXIT(InALoggingProcess([] { std::terminate(); }), aborts_,
              R"(^\{[^{}]*"message":"std::terminate was called"\}.$)");
}

TEST_F(ForeignWordsDeathTest, SoIsWhatLibeventSaysBeforeItsEnd) {
  const auto misuse = [] {
    event_enable_debug_mode();
    event_base* const base = event_base_new();
    event forgotten{};
    event_assign(
        &forgotten, base, -1, EV_TIMEOUT, [](evutil_socket_t, short, void*) {}, nullptr);
    event_debug_unassign(&forgotten);
    event_add(&forgotten, nullptr);
  };
  EXPECT_EXIT(InALoggingProcess(misuse), aborts_, R"(^\{[^{}]*"level":"error","message":"libevent: [^{}]*"\}.$)");
}

TEST_F(ForeignWordsDeathTest, SoIsWhatLibeventWarnsOf) {
  const auto warn = [] {
    event_config* const config = event_config_new();
    for (const char** method = event_get_supported_methods(); *method != nullptr; ++method) {
      event_config_avoid_method(config, *method);
    }
    event_base_new_with_config(config);
    event_config_free(config);
  };
  const auto warn_and_end = [&] {
    InALoggingProcess(warn);
    _exit(0);
  };
  EXPECT_EXIT(warn_and_end(), testing::ExitedWithCode(0),
              R"(^\{[^{}]*"level":"warning","message":"libevent: [^{}]*no event mechanism available"\}.$)");
}

TEST_F(ForeignWordsDeathTest, LastWordsGoToStderrWhereThereIsNoLog) {
  const volatile int two = 2;
  EXPECT_EXIT(assert(two == 3), aborts_, "^ringproxy: [^\n]*Assertion `two == 3' failed\\.\n$");
}

TEST_F(ForeignWordsDeathTest, LastWordsWaitForNobodyWhoDoesNotRead) {
  int nobody_reads[2];
  ASSERT_EQ(pipe(nobody_reads), 0);
  const std::string filling(1 << 16, 'x');
  ASSERT_EQ(write(nobody_reads[1], filling.data(), filling.size()), static_cast<ssize_t>(filling.size()));
  const auto speak = [&] {
    dup2(nobody_reads[1], STDERR_FILENO);
    InALoggingProcess([] { std::terminate(); });
  };
  EXPECT_EXIT(speak(), aborts_, "");
  close(nobody_reads[0]);
  close(nobody_reads[1]);
}

}  // namespace
}  // namespace ringproxy::proxy
