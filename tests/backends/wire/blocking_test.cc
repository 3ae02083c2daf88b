#include "backends/wire/blocking.h"

#include <gtest/gtest.h>

#include "tests/support/test_request.h"

namespace ringproxy::wire {
namespace {

std::optional<double> Wait(std::string_view line) {
  const test::TestRequest request(test::TestRequest::Split(line));
  return WaitOf(*FindRedisCommand(Request(request)), request);
}

TEST(WaitOf, ReadsSecondsAsServersDo) {
  EXPECT_EQ(Wait("blpop a b 0"), 0);
  EXPECT_EQ(Wait("brpop a 1.5"), 1.5);
  EXPECT_EQ(Wait("bzpopmin a 0x10"), 16);
  EXPECT_EQ(Wait("bzpopmax a 1e-3"), 1e-3);
  EXPECT_EQ(Wait("blmove a b left right 2"), 2);
  EXPECT_EQ(Wait("brpoplpush a b 3"), 3);
  EXPECT_EQ(Wait("blmpop 4 1 a left"), 4);
  EXPECT_EQ(Wait("bzmpop 5 1 a min count 9"), 5);
  for (const char* line : {"blpop a x", "blpop a -1", "blpop a inf", "blpop a 1e400", "blpop a nan", "blpop a 1s"})
    EXPECT_EQ(Wait(line), std::nullopt) << line;
  for (const char* seconds : {" 1", "\t1", "\n1", "1 ", ""}) {
    const test::TestRequest request({"blpop", "a", seconds});
    EXPECT_EQ(WaitOf(*FindRedisCommand(Request(request)), request), std::nullopt) << seconds;
  }
}

TEST(WaitOf, ReadsMillisecondsBehindTheOptionBlock) {
  EXPECT_EQ(Wait("xread block 1500 streams s $"), 1.5);
  EXPECT_EQ(Wait("xread count 7 BLOCK 0 streams s $"), 0);
  EXPECT_EQ(Wait("xreadgroup group block 5 block 2000 streams s >"), 2);
  EXPECT_EQ(Wait("xread block x streams s $"), std::nullopt);
  EXPECT_EQ(Wait("xread block -1 streams s $"), std::nullopt);
}

TEST(WaitOf, ReadsMillisecondsOfWhatWaitsForReplicas) {
  EXPECT_EQ(Wait("wait 1 1500"), 1.5);
  EXPECT_EQ(Wait("waitaof 1 1 0"), 0);
  EXPECT_EQ(Wait("wait 1 x"), std::nullopt);
  EXPECT_EQ(Wait("wait 1 -1"), std::nullopt);
}

}  // namespace
}  // namespace ringproxy::wire
