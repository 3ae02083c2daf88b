#include "proxy/state/popped_data.h"

#include <gmock/gmock.h>

#include <string>

#include "backends/wire/resp_request.h"

namespace ringproxy::proxy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

PoppedFrom FromOf(const std::string& line) {
  wire::RequestParser parser{wire::Limits{}};
  EXPECT_EQ(parser.Parse(line + "\r\n"), wire::RequestParser::RespStatus::kRequest);
  return PoppedFromOf(*wire::FindRedisCommand(parser.request().name()), parser.request());
}

TEST(PoppedData, IsFromTheEndOfTheListThatTheCommandNames) {
  EXPECT_EQ(FromOf("BLPOP q p 0"), PoppedFrom::kLeft);
  EXPECT_EQ(FromOf("BRPOP q p 0"), PoppedFrom::kRight);
  EXPECT_EQ(FromOf("BLMPOP 0 2 right q LEFT COUNT 3"), PoppedFrom::kLeft);
  EXPECT_EQ(FromOf("BLMPOP 0 2 left q right"), PoppedFrom::kRight);
  EXPECT_EQ(FromOf("BZPOPMIN z 0"), PoppedFrom::kSortedSet);
  EXPECT_EQ(FromOf("BZPOPMAX z 0"), PoppedFrom::kSortedSet);
  EXPECT_EQ(FromOf("BZMPOP 0 1 z MAX"), PoppedFrom::kSortedSet);
}

TEST(PoppedData, IsNothingWhereItIsWhereItWasToGo) {
  EXPECT_EQ(FromOf("BLMOVE q p LEFT LEFT 0"), PoppedFrom::kNone);
  EXPECT_EQ(FromOf("BRPOPLPUSH q p 0"), PoppedFrom::kNone);
  EXPECT_EQ(FromOf("XREAD BLOCK 0 STREAMS s 0"), PoppedFrom::kNone);
  EXPECT_EQ(FromOf("XREADGROUP GROUP g c BLOCK 0 STREAMS s >"), PoppedFrom::kNone);
}

TEST(PoppedData, IsNothingInANilOrAnError) {
  for (const char* const reply : {"*-1\r\n", "_\r\n", "$-1\r\n", "-UNBLOCKED so\r\n"})
    EXPECT_FALSE(HasPopped(PoppedFrom::kLeft, reply)) << reply;
  EXPECT_TRUE(HasPopped(PoppedFrom::kLeft, "*2\r\n$1\r\nq\r\n$1\r\nv\r\n"));
  EXPECT_FALSE(HasPopped(PoppedFrom::kNone, "*2\r\n$1\r\nq\r\n$1\r\nv\r\n"));
}

TEST(PoppedData, OfAListGoesBackToItsEndInTheOrderInWhichItWasThere) {
  const std::string binary("*2\r\n$1\r\nq\r\n$4\r\n\r\n\0x\r\n", 22);
  EXPECT_THAT(GiveBackWords(PoppedFrom::kLeft, binary), ElementsAre("LPUSH", "q", std::string_view("\r\n\0x", 4)));
  const char* const several = "*2\r\n$1\r\nq\r\n*3\r\n$1\r\na\r\n$0\r\n\r\n$1\r\nc\r\n";
  EXPECT_THAT(GiveBackWords(PoppedFrom::kLeft, several), ElementsAre("LPUSH", "q", "c", "", "a"));
  EXPECT_THAT(GiveBackWords(PoppedFrom::kRight, several), ElementsAre("RPUSH", "q", "c", "", "a"));
}

TEST(PoppedData, OfASortedSetGoesBackWithItsScoresInBothProtocols) {
  EXPECT_THAT(GiveBackWords(PoppedFrom::kSortedSet, "*3\r\n$1\r\nz\r\n$1\r\na\r\n$3\r\n1.5\r\n"),
              ElementsAre("ZADD", "z", "NX", "1.5", "a"));
  EXPECT_THAT(GiveBackWords(PoppedFrom::kSortedSet, "*3\r\n$1\r\nz\r\n$1\r\na\r\n,-inf\r\n"),
              ElementsAre("ZADD", "z", "NX", "-inf", "a"));
  EXPECT_THAT(GiveBackWords(PoppedFrom::kSortedSet,
                            "*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\na\r\n,1.5\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n"),
              ElementsAre("ZADD", "z", "NX", "1.5", "a", "2", "b"));
}

TEST(PoppedData, IsNotPutBackWhereTheReplyIsNoneOfSuchACommand) {
  for (const char* const reply : {"+OK\r\n", "*0\r\n", "*1\r\n$1\r\nq\r\n", "*2\r\n$1\r\nq\r\n:1\r\n",
                                  "*2\r\n$1\r\nq\r\n$-1\r\n", "*2\r\n$1\r\nq\r\n*0\r\n"})
    EXPECT_THAT(GiveBackWords(PoppedFrom::kLeft, reply), IsEmpty()) << reply;
  for (const char* const reply : {"*2\r\n$1\r\nz\r\n$1\r\na\r\n", "*4\r\n$1\r\nz\r\n$1\r\na\r\n,1\r\n$1\r\nb\r\n"})
    EXPECT_THAT(GiveBackWords(PoppedFrom::kSortedSet, reply), IsEmpty()) << reply;
  std::string deep;
  for (int i = 0; i < 1'000'000; ++i) deep += "*1\r\n";
  EXPECT_THAT(GiveBackWords(PoppedFrom::kLeft, deep + "$1\r\nq\r\n"), IsEmpty());
}

}  // namespace
}  // namespace ringproxy::proxy
