#include "backends/wire/memcache_cas.h"

#include <gtest/gtest.h>

#include <set>

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

TEST(CasTag, LeavesTokensReadableAsDoubles) {
  constexpr uint64_t kLargestCounter = (uint64_t{1} << 40) - 1;
  for (uint64_t number = 0; number < kCasTags; ++number) {
    const CasTag tag = MakeCasTag(number);
    EXPECT_EQ(tag & kLargestCounter, 0U);
    const uint64_t token = tag | kLargestCounter;
    EXPECT_EQ(static_cast<uint64_t>(static_cast<double>(token)), token);
  }
}

TEST(CasTag, IsNoOthersInAPoolWhateverTheHashesAndTheirOrder) {
  std::vector<uint64_t> hashes;
  for (uint64_t i = 0; i < 1000; ++i) hashes.push_back(i % 2 == 0 ? i << 20 : 7);
  const std::vector<CasTag> tags = CasTagsOf(hashes);
  EXPECT_EQ(std::set<CasTag>(tags.begin(), tags.end()).size(), 1000U);
  const std::vector<uint64_t> few = {5, 5 + kCasTags, 9};
  const std::vector<uint64_t> turned = {9, 5 + kCasTags, 5};
  EXPECT_EQ(CasTagsOf(few), (std::vector<CasTag>{MakeCasTag(5), MakeCasTag(6), MakeCasTag(9)}));
  EXPECT_EQ(CasTagsOf(turned), (std::vector<CasTag>{MakeCasTag(9), MakeCasTag(6), MakeCasTag(5)}));
  EXPECT_EQ(CasTagsOf(std::vector<uint64_t>(2 * kCasTags, 3)).size(), 2 * kCasTags);
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
