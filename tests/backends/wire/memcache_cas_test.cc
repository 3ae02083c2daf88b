#include "backends/wire/memcache_cas.h"

#include <gtest/gtest.h>

namespace ringproxy::wire {
namespace {

constexpr CasTag kTag = MakeCasTag(0xabcdef0123456789);

std::string Retagged(std::string_view token, CasTag tag = kTag) {
  std::string out;
  AppendRetagged(token, tag, &out);
  return out;
}

TEST(CasTag, GoesInAndOutOfATokenAndMatchesNoOtherNodes) {
  const std::string client = Retagged("17");
  EXPECT_NE(client, "17");
  EXPECT_EQ(Retagged(client), "17");
  EXPECT_NE(Retagged(client, MakeCasTag(1)), "17");  // See semantics.md 24.
}

TEST(CasTag, LeavesTokensReadableAsSignedNumbers) {
  EXPECT_LT(kTag, uint64_t{1} << 62);
  EXPECT_EQ(kTag & ((uint64_t{1} << 40) - 1), 0U);
}

TEST(CasTag, LeavesWhatIsNoTokenAlone) {
  EXPECT_EQ(Retagged("x"), "x");
  EXPECT_EQ(Retagged(""), "");
  EXPECT_EQ(Retagged("18446744073709551616"), "18446744073709551616");
}

TEST(CasTag, IsTakenOutOfReplies) {
  std::string line;
  EXPECT_EQ(AppendUntaggedLine("VA 2 kc5 c17 O1\r\nhi\r\n", kTag, &line), "hi\r\n");
  EXPECT_EQ(line, "VA 2 kc5 c" + Retagged("17") + " O1\r\n");
  line.clear();
  EXPECT_EQ(AppendUntaggedLine("HD c17\r\n", kTag, &line), "");
  EXPECT_EQ(line, "HD c" + Retagged("17") + "\r\n");
}

}  // namespace
}  // namespace ringproxy::wire
