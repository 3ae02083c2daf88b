#include "proxy/control/log_sink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <optional>
#include <thread>

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// A sink into a pipe of four pages, without a log or a thread around it.
class LogSinkTest : public testing::Test {
 protected:
  static constexpr int kPipeBytes = 4 * PIPE_BUF;

  LogSinkTest() {
    std::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(pipe2(pipe_, O_CLOEXEC), 0);
    EXPECT_EQ(fcntl(pipe_[1], F_SETPIPE_SZ, kPipeBytes), kPipeBytes);
    EXPECT_EQ(fcntl(pipe_[0], F_SETFL, O_NONBLOCK), 0);
    sink_.emplace(pipe_[1], [this] { return overruns_; });
    sink_->set_pattern("%l %v");
  }
  ~LogSinkTest() override {
    CloseReader();
    close(pipe_[1]);
  }

  void Log(const std::string& text) { sink_->log({"test", spdlog::level::info, text}); }
  void CloseReader() {
    if (pipe_[0] >= 0) close(std::exchange(pipe_[0], -1));
  }
  // All that is there.
  std::string Read() {
    std::string all;
    char buffer[4096];
    for (ssize_t got; (got = read(pipe_[0], buffer, sizeof buffer)) > 0;) all.append(buffer, static_cast<size_t>(got));
    return all;
  }
  // Nobody waits for the reader from now on.
  void EndWaiting() { sink_->EndBy(LogSink::Clock::now()); }

  int pipe_[2] = {-1, -1};
  uint64_t overruns_ = 0;
  std::optional<LogSink> sink_;
};

TEST_F(LogSinkTest, WritesLinesInItsFormat) {
  Log("one");
  Log("two");
  EXPECT_EQ(Read(), "info one\ninfo two\n");
  EXPECT_EQ(sink_->dropped(), 0U);
}

TEST_F(LogSinkTest, SaysHowManyLinesDidNotEvenComeBeforeTheNextOne) {
  overruns_ = 3;
  Log("one");
  EXPECT_EQ(Read(), "warning 3 log lines were dropped, since the log could not be written\ninfo one\n");
  Log("two");
  EXPECT_EQ(Read(), "info two\n");  // It has been said.
  overruns_ = 5;
  Log("three");
  EXPECT_THAT(Read(), StartsWith("warning 2 log lines were dropped"));
  EXPECT_EQ(sink_->dropped(), 5U);
}

TEST_F(LogSinkTest, DropsWhatNobodyReadsOnceItWaitsNoMoreAndSaysSoLater) {
  EndWaiting();
  Log(std::string(16'000, 'x'));
  Log("lost");  // A pipe without an empty page is not writable.
  Log("lost");
  EXPECT_EQ(sink_->dropped(), 2U);
  EXPECT_EQ(Read().size(), 16'000 + std::string("info \n").size());
  Log("found");
  EXPECT_EQ(Read(), "warning 2 log lines were dropped, since the log could not be written\ninfo found\n");
}

TEST_F(LogSinkTest, FinishesALineOfWhichOnlyTheBeginningWasTakenBeforeTheNextOne) {
  EndWaiting();
  const std::string text(40'000, 'x');
  Log(text);
  const std::string start = Read();
  EXPECT_EQ(start.size(), static_cast<size_t>(kPipeBytes));
  EXPECT_EQ(sink_->dropped(), 0U);  // Not yet.
  Log("lost");                      // The rest fills the pipe again.
  EXPECT_EQ(start + Read() + Read(), "info " + text.substr(0, 2 * static_cast<size_t>(kPipeBytes) - 5));
  Log("whole");
  EXPECT_EQ(Read(), text.substr(2 * static_cast<size_t>(kPipeBytes) - 5) +
                        "\nwarning 1 log lines were dropped, since the log could not be written\ninfo whole\n");
}

TEST_F(LogSinkTest, FinishesALineForTheNextReaderOfAFifo) {
  const std::string path = testing::TempDir() + "log_fifo." + std::to_string(getpid());
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const auto open_reader = [&] { pipe_[0] = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC); };
  CloseReader();
  open_reader();
  const int writer = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_EQ(dup2(writer, pipe_[1]), pipe_[1]);
  close(writer);
  EXPECT_EQ(fcntl(pipe_[1], F_SETPIPE_SZ, kPipeBytes), kPipeBytes);
  EndWaiting();
  const std::string text(20'000, 'x');
  Log(text);
  CloseReader();
  Log("lost");
  open_reader();
  std::string all = Read();
  Log("found");
  all += Read();
  EXPECT_EQ(all,
            "info " + text + "\nwarning 1 log lines were dropped, since the log could not be written\ninfo found\n");
  unlink(path.c_str());
}

TEST_F(LogSinkTest, SaysWhatIsMissingThoughNoLineComesAndCountsNone) {
  EXPECT_FALSE(sink_->owes());
  EndWaiting();
  Log(std::string(16'000, 'x'));
  EXPECT_FALSE(sink_->owes());
  Log("lost");
  EXPECT_TRUE(sink_->owes());
  Log("");  // There is no room yet.
  EXPECT_TRUE(sink_->owes());
  Read();
  Log("");
  EXPECT_EQ(Read(), "warning 1 log lines were dropped, since the log could not be written\n");
  EXPECT_FALSE(sink_->owes());
  Log("");
  EXPECT_EQ(Read(), "");
  EXPECT_EQ(sink_->dropped(), 1U);
}

TEST_F(LogSinkTest, WaitsAlsoWhereAnotherProcessHasMadeTheDescriptorANonBlockingOne) {
  ASSERT_EQ(fcntl(pipe_[1], F_SETFL, O_NONBLOCK), 0);
  std::string all;
  std::thread reader([&] {
    // The descriptor of the pipe's end that is read blocks in this test.
    fcntl(pipe_[0], F_SETFL, 0);
    char buffer[4096];
    while (!all.ends_with("last\n")) {
      const ssize_t got = read(pipe_[0], buffer, sizeof buffer);
      if (got <= 0) break;
      all.append(buffer, static_cast<size_t>(got));
    }
  });
  const std::string text(1000, 'x');
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    Log(text);
    expected += "info " + text + "\n";
  }
  Log("last");
  reader.join();
  EXPECT_EQ(all, expected + "info last\n");
  EXPECT_EQ(sink_->dropped(), 0U);
}

TEST_F(LogSinkTest, DropsAndCountsOnAFullDisk) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_EQ(dup2(full, pipe_[1]), pipe_[1]);
  close(full);
  Log("one");
  Log("two");
  EXPECT_EQ(sink_->dropped(), 2U);
  EXPECT_TRUE(sink_->owes());
}

TEST_F(LogSinkTest, DropsWhenItsReaderIsGone) {
  CloseReader();
  Log("one");
  Log("two");
  EXPECT_EQ(sink_->dropped(), 2U);
}

TEST_F(LogSinkTest, TellsWhetherAllThatCameBeforeAFlushIsThrough) {
  EXPECT_FALSE(sink_->WaitForFlush(LogSink::Clock::now()));
  sink_->flush();
  EXPECT_TRUE(sink_->WaitForFlush(LogSink::Clock::now()));
}

}  // namespace
}  // namespace ringproxy::proxy
