#include "proxy/control/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <thread>

namespace ringproxy::proxy {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

// A log into a pipe that takes no more than four pages until somebody reads.
class LogTest : public testing::Test {
 protected:
  LogTest() {
    std::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(pipe2(pipe_, O_CLOEXEC), 0);
    EXPECT_GT(fcntl(pipe_[1], F_SETPIPE_SZ, 16384), 0);
  }
  ~LogTest() override {
    End();
    if (pipe_[0] >= 0) close(pipe_[0]);
    // The other end stays open: a log that has ended though nobody read may still write to it, and its number must not
    // become that of another test's pipe.
  }

  void Begin(conf::LogFormat format = conf::LogFormat::kText) {
    options_.format = format;
    log_.emplace(options_, pipe_[1]);
  }
  void End() { log_.reset(); }
  void CloseReader() { close(std::exchange(pipe_[0], -1)); }
  // The next line, waited for.
  std::string ReadLine() {
    while (text_.find('\n') == std::string::npos) {
      char buffer[4096];
      const ssize_t got = read(pipe_[0], buffer, sizeof buffer);
      if (got <= 0) return "nothing";
      text_.append(buffer, static_cast<size_t>(got));
    }
    const std::string line = text_.substr(0, text_.find('\n'));
    text_.erase(0, line.size() + 1);
    return line;
  }
  // Lines up to the one that ends so.
  std::vector<std::string> ReadUntil(const std::string& end) {
    std::vector<std::string> lines;
    do lines.push_back(ReadLine());
    while (!lines.back().ends_with(end) && lines.back() != "nothing");
    return lines;
  }

  int pipe_[2] = {-1, -1};
  conf::Log options_;
  std::optional<Log> log_;
  std::string text_;
};

TEST_F(LogTest, WritesEachLineInAPieceThatNoPipeSplits) {
  Begin();
  spdlog::info("short");
  EXPECT_THAT(ReadLine(), EndsWith(" info short"));
  const std::string text(3000, 'x');
  spdlog::warn("{}", text);
  EXPECT_THAT(ReadLine(), EndsWith(" warning " + text));
  spdlog::warn("{}", std::string(100'000, 'x'));
  const std::string cut = ReadLine();
  EXPECT_THAT(cut, testing::ContainsRegex(" warning x+\\.\\.\\. \\(9[0-9]+ more bytes\\)$"));
  EXPECT_LT(cut.size(), static_cast<size_t>(PIPE_BUF));
  EXPECT_GT(cut.size(), static_cast<size_t>(PIPE_BUF) - 200);
}

TEST_F(LogTest, LeavesTheEndOutOfWhateverBytesALongLineHas) {
  for (const auto format : {conf::LogFormat::kText, conf::LogFormat::kJson}) {
    Begin(format);
    for (const std::string& bytes :
         {std::string("\0", 1), std::string("\x80"), std::string("\xc2\x9b"), std::string("\\")}) {
      std::string text = "start ";
      while (text.size() < 10'000) text += bytes;
      spdlog::info("{}", text);
      const std::string line = ReadLine();
      EXPECT_LT(line.size(), static_cast<size_t>(PIPE_BUF));
      EXPECT_THAT(line, HasSubstr(" more bytes)"));
      if (format == conf::LogFormat::kJson) {
        EXPECT_THAT(nlohmann::json::parse(line).at("message").get<std::string>(), testing::StartsWith("start "));
      }
    }
    End();
  }
}

TEST_F(LogTest, EscapesInJsonWhatATerminalObeys) {
  Begin(conf::LogFormat::kJson);
  spdlog::info("\x7f \xc2\x9b \x1b \xe2\x80\xae \xff");
  const std::string line = ReadLine();
  EXPECT_THAT(line, EndsWith("\"message\":\"\\u007f \\u009b \\u001b \\u202e \\ufffd\"}"));
}

TEST_F(LogTest, NeverWaitsForItsReaderAndSaysHowManyLinesAreMissing) {
  Begin();
  constexpr uint64_t kLines = 5000;
  for (uint64_t i = 0; i < kLines; ++i) spdlog::info("line {}", i);
  EXPECT_GT(LogLinesDropped(), 0U);
  spdlog::info("the last");
  uint64_t had = 0;
  uint64_t missing = 0;
  for (const std::string& line : ReadUntil("the last")) {
    std::istringstream dropped(
        line.substr(line.find("warning ") == std::string::npos ? line.size() : line.find("warning ") + 8));
    uint64_t count = 0;
    if (dropped >> count) {
      missing += count;
    } else {
      ++had;
    }
  }
  EXPECT_EQ(had + missing, kLines + 1);
  EXPECT_EQ(missing, LogLinesDropped());
}

TEST_F(LogTest, SaysWhatIsMissingInTheFormatOfTheOthers) {
  Begin(conf::LogFormat::kJson);
  for (int i = 0; i < 3000; ++i) spdlog::info("line {}", i);
  spdlog::info("the last");
  size_t notes = 0;
  for (const std::string& line : ReadUntil("\"the last\"}")) {
    notes += nlohmann::json::parse(line).at("message").get<std::string>().find("log lines were dropped") !=
             std::string::npos;
  }
  EXPECT_GE(notes, 1U);
}

TEST_F(LogTest, DropsAndCountsWhenItsReaderIsGone) {
  Begin();
  CloseReader();
  for (int i = 0; i < 10; ++i) spdlog::info("line {}", i);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (LogLinesDropped() < 10 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_EQ(LogLinesDropped(), 10U);
}

TEST_F(LogTest, WritesWhatIsQueuedBeforeItEnds) {
  Begin();
  for (int i = 0; i < 20; ++i) spdlog::info("line {}", i);
  End();
  EXPECT_THAT(ReadUntil("line 19"), testing::SizeIs(20));
}

TEST_F(LogTest, EndsThoughNobodyReads) {
  Begin();
  for (int i = 0; i < 3000; ++i) spdlog::info("line {}", i);
  const auto start = std::chrono::steady_clock::now();
  End();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 3 * Log::kLastWait);
}

TEST_F(LogTest, EndsAtTheMomentThatItIsGivenThoughNobodyReads) {
  Begin();
  for (int i = 0; i < 3000; ++i) spdlog::info("line {}", i);
  const auto start = std::chrono::steady_clock::now();
  log_->EndBy(start);
  End();
  EXPECT_LT(std::chrono::steady_clock::now() - start, Log::kLastWait / 2);
}

TEST_F(LogTest, WritesWhatIsQueuedThoughTheMomentHasPassed) {
  Begin();
  for (int i = 0; i < 20; ++i) spdlog::info("line {}", i);
  log_->EndBy(std::chrono::steady_clock::now() - std::chrono::hours(1));
  End();
  EXPECT_THAT(ReadUntil("line 19"), testing::SizeIs(20));
}

TEST_F(LogTest, SaysHowManyLinesAreMissingThoughNoMoreCome) {
  Begin();
  int other[2];
  ASSERT_EQ(pipe2(other, O_CLOEXEC), 0);
  close(other[0]);
  const int kept = dup(pipe_[1]);
  dup2(other[1], pipe_[1]);  // A pipe without a reader.
  spdlog::info("lost");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (LogLinesDropped() < 1 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  dup2(kept, pipe_[1]);
  std::string line;
  fcntl(pipe_[0], F_SETFL, O_NONBLOCK);
  // Lines of the tests before may still be on their way.
  const auto is_said = [&] { return line.find("warning 1 log lines were dropped") != std::string::npos; };
  while (!is_said() && std::chrono::steady_clock::now() < end) {
    SayDroppedLines();
    // Asked without a pause it would fill the queue itself, and more than one would be missing.
    pollfd lines{pipe_[0], POLLIN, 0};
    poll(&lines, 1, 100);
    line = ReadLine();
  }
  EXPECT_TRUE(is_said()) << line;
  close(kept);
  close(other[1]);
}

TEST_F(LogTest, WritesTheLastLineOfAProcessThatEndsWithoutIt) {
  EXPECT_FALSE(LogLastLine("nobody hears it"));
  Begin();
  spdlog::info("one");
  EXPECT_TRUE(LogLastLine("the last"));
  fcntl(pipe_[0], F_SETFL, O_NONBLOCK);  // It is there already.
  EXPECT_THAT(ReadLine(), EndsWith("info one"));
  EXPECT_THAT(ReadLine(), EndsWith("error the last"));
}

TEST_F(LogTest, LeavesOutWhatIsBelowItsLevel) {
  options_.level = conf::LogLevel::kWarn;
  Begin();
  spdlog::info("not this");
  spdlog::error("bad\x1b[31m \xff");
  EXPECT_THAT(ReadLine(), EndsWith(" error bad\\x1b[31m \\xff"));
}

}  // namespace
}  // namespace ringproxy::proxy
