#include "proxy/state/probe.h"

#include <gtest/gtest.h>

#include <vector>

namespace ringproxy::proxy {
namespace {

using Result = Probe::ProbeResult;

class ProbeTest : public testing::Test {
 protected:
  // What it is after the last of these replies; before it there is more to come.
  Result After(const std::vector<std::string>& replies) {
    Result result = Result::kMore;
    for (const std::string& reply : replies) {
      EXPECT_EQ(result, Result::kMore);
      result = probe_.OnReply(backends::Reply(std::string_view(reply)), blocks_);
      // What was handed over is gone afterwards.
      if (result == Result::kAnswer) answer_ = probe_.TakeAnswer().bytes();
    }
    return result;
  }

  net::BlockPool blocks_;
  Probe probe_;
  std::string answer_;
};

TEST_F(ProbeTest, AsksWithinATransaction) {
  EXPECT_EQ(Probe::RequestsOf("*1\r\n$1\r\nx\r\n"), "*1\r\n$5\r\nMULTI\r\n*1\r\n$1\r\nx\r\n*1\r\n$4\r\nEXEC\r\n");
}

TEST_F(ProbeTest, HandsOverWhatTheCommandHasGot) {
  EXPECT_EQ(After({"+OK\r\n", "+QUEUED\r\n", "*1\r\n*2\r\n$1\r\nq\r\n$1\r\nv\r\n"}), Result::kAnswer);
  EXPECT_EQ(answer_, "*2\r\n$1\r\nq\r\n$1\r\nv\r\n");
}

TEST_F(ProbeTest, HandsOverALargeReplyInItsBlock) {
  const std::string large = "$40000\r\n" + std::string(40000, 'v') + "\r\n";
  const std::string bytes = "*1\r\n" + large;
  EXPECT_EQ(After({"+OK\r\n", "+QUEUED\r\n"}), Result::kMore);
  EXPECT_EQ(probe_.OnReply(backends::Reply(blocks_.Copy(bytes)), blocks_), Result::kAnswer);
  EXPECT_EQ(probe_.TakeAnswer().bytes(), large);
}

TEST_F(ProbeTest, HandsOverTheErrorOfTheCommand) {
  EXPECT_EQ(After({"+OK\r\n", "+QUEUED\r\n", "*1\r\n-WRONGTYPE x\r\n"}), Result::kAnswer);
  EXPECT_EQ(answer_, "-WRONGTYPE x\r\n");
}

TEST_F(ProbeTest, KnowsWhenThereIsNothingInBothVersions) {
  EXPECT_EQ(After({"+OK\r\n", "+QUEUED\r\n", "*1\r\n*-1\r\n"}), Result::kNothing);
  probe_ = Probe();
  EXPECT_EQ(After({"+OK\r\n", "+QUEUED\r\n", "*1\r\n_\r\n"}), Result::kNothing);
}

TEST_F(ProbeTest, ARefusalWithinATransactionSaysNothingAboutTheCommand) {
  EXPECT_EQ(After({"+OK\r\n", "-OOM x\r\n", "-EXECABORT x\r\n"}), Result::kRefused);
  probe_ = Probe();
  EXPECT_EQ(After({"+OK\r\n", "+QUEUED\r\n", "-NOPERM x\r\n"}), Result::kRefused);
}

TEST_F(ProbeTest, WithoutATransactionTheCommandsOwnReplyIsTheAnswer) {
  EXPECT_EQ(After({"-NOPERM x\r\n", "*2\r\n+q\r\n+v\r\n", "-ERR EXEC without MULTI\r\n"}), Result::kAnswer);
  EXPECT_EQ(answer_, "*2\r\n+q\r\n+v\r\n");
  probe_ = Probe();
  EXPECT_EQ(After({"-NOPERM x\r\n", "*-1\r\n", "-ERR EXEC without MULTI\r\n"}), Result::kNothing);
}

}  // namespace
}  // namespace ringproxy::proxy
