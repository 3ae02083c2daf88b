#include "proxy/state/spread_request.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/support/test_request.h"

namespace ringproxy::proxy {
namespace {

std::string Encoded(std::string_view line) {
  const test::TestRequest request(test::TestRequest::Split(line));
  return std::string(wire::Request(request).encoded());
}

// The request as the proxy keeps it, when what it was made of is gone.
SpreadRequest Kept(std::string_view line) {
  const test::TestRequest request(test::TestRequest::Split(line));
  return {*wire::FindRedisCommand(wire::Request(request)), request};
}

constexpr std::array<uint32_t, 2> kFirstAndLast{0, 2};

TEST(SpreadRequest, AsksForSomeOfItsKeysAndForAnotherTime) {
  EXPECT_EQ(Kept("BLPOP a b c 5").About(kFirstAndLast, 0.5), Encoded("BLPOP a c 0.500000"));
  EXPECT_EQ(Kept("BZPOPMAX a b c 5").About(kFirstAndLast, std::nullopt), Encoded("BZPOPMAX a c 0"));
  EXPECT_EQ(Kept("BLMPOP 5 3 a b c LEFT COUNT 7").About(kFirstAndLast, 0.001),
            Encoded("BLMPOP 0.001000 2 a c LEFT COUNT 7"));
  EXPECT_EQ(Kept("bzmpop 5 3 a b c min").About(kFirstAndLast, 1), Encoded("bzmpop 1.000000 2 a c min"));
}

TEST(SpreadRequest, AsksForSomeStreamsWithTheirIds) {
  EXPECT_EQ(Kept("XREAD COUNT 2 BLOCK 9 STREAMS a b c 1 2 3").About(kFirstAndLast, 0.0501),
            Encoded("XREAD COUNT 2 BLOCK 51 STREAMS a c 1 3"));
  EXPECT_EQ(Kept("XREADGROUP GROUP block streams BLOCK 9 NOACK STREAMS a b c > 0 >").About(kFirstAndLast, std::nullopt),
            Encoded("XREADGROUP GROUP block streams BLOCK 0 NOACK STREAMS a c > >"));
}

TEST(SpreadRequest, FixesTheEndOfAStreamThatIsReadFromThere) {
  SpreadRequest request = Kept("XREAD BLOCK 0 STREAMS a b c $ 5 $");
  EXPECT_TRUE(request.IsFromEnd(0));
  EXPECT_FALSE(request.IsFromEnd(1));
  EXPECT_EQ(request.EndQuestionOf(2), Encoded("XINFO STREAM c"));
  request.SetId(0, "7-1");
  EXPECT_FALSE(request.IsFromEnd(0));
  EXPECT_EQ(request.About(kFirstAndLast, std::nullopt), Encoded("XREAD BLOCK 0 STREAMS a c 7-1 $"));
  // To a group it is an error, in the words of the node.
  EXPECT_FALSE(Kept("XREADGROUP GROUP g n BLOCK 0 STREAMS a b $ $").IsFromEnd(0));
}

TEST(SpreadRequest, WaitsForAListAtTheEndFromWhichItPops) {
  EXPECT_EQ(Kept("BLPOP a b 0").WaiterOf(1, std::nullopt), Encoded("BLMOVE b b LEFT LEFT 0"));
  EXPECT_EQ(Kept("BRPOP a b 0").WaiterOf(0, 2), Encoded("BLMOVE a a RIGHT RIGHT 2.000000"));
  EXPECT_EQ(Kept("BLMPOP 0 2 a b RiGhT COUNT 3").WaiterOf(0, std::nullopt), Encoded("BLMOVE a a RIGHT RIGHT 0"));
  EXPECT_EQ(Kept("BLMPOP 0 2 a b left").WaiterOf(0, std::nullopt), Encoded("BLMOVE a a LEFT LEFT 0"));
}

TEST(SpreadRequest, KnowsWhichCommandsCanBeWaitedForAtSeveralNodes) {
  for (const std::string_view line : {"BLMOVE a b LEFT LEFT 0", "BRPOPLPUSH a b 0", "WATCH a b"}) {
    const test::TestRequest request(test::TestRequest::Split(line));
    EXPECT_FALSE(SpreadRequest::KindOf(*wire::FindRedisCommand(wire::Request(request)))) << line;
  }
}

}  // namespace
}  // namespace ringproxy::proxy
