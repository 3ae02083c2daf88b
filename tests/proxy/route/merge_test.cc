#include "proxy/route/merge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "backends/wire/resp_encode.h"
#include "tests/support/counting_allocator.h"
#include "tests/support/golden.h"

namespace ringproxy::proxy {
namespace {

using wire::Merge;

constexpr std::string_view kDoesNotFit = "-BADREPLY a node's reply does not fit the request\r\n";

std::string Merged(Merge merge, const std::vector<std::string_view>& children,
                   const std::vector<uint32_t>& child_of_key = {}, uint8_t protocol = 2) {
  ReplyMerger merger;
  std::string all;
  for (const std::string_view piece : merger.Merge(merge, children, child_of_key, protocol)) all += piece;
  EXPECT_EQ(all.size(), merger.size_bytes());
  return all;
}

// semantics.md 4: order and duplicates of the request are those of the reply.
TEST(MergeInKeyOrder, InterleavesTheChildrensElementsAsTheKeysStood) {
  const std::vector<std::string_view> children = {"*3\r\n$2\r\na0\r\n$-1\r\n$2\r\na2\r\n",
                                                  "*2\r\n$2\r\nb0\r\n$2\r\nb0\r\n"};
  EXPECT_EQ(Merged(Merge::kInKeyOrder, children, {0, 1, 0, 1, 0}),
            "*5\r\n$2\r\na0\r\n$2\r\nb0\r\n$-1\r\n$2\r\nb0\r\n$2\r\na2\r\n");
}

// See semantics.md 1 and 3.
TEST(MergeInKeyOrder, AnswersTheFirstFailingChildsOwnErrorForAll) {
  const std::vector<std::string_view> children = {"*1\r\n$1\r\na\r\n", "-LOADING Redis is loading\r\n",
                                                  "-NODEDOWN node r3 of pool p is down\r\n"};
  EXPECT_EQ(Merged(Merge::kInKeyOrder, children, {0, 1, 2}), "-LOADING Redis is loading\r\n");
}

TEST(MergeInKeyOrder, MakesAnErrorElementTheErrorOfTheWhole) {
  EXPECT_EQ(Merged(Merge::kInKeyOrder, {"*2\r\n$1\r\na\r\n-ERR x\r\n", "*1\r\n$1\r\nb\r\n"}, {0, 1, 0}), "-ERR x\r\n");
}

TEST(MergeInKeyOrder, LeavesAnErrorToItsKeyWhereEachElementIsAnAnswerOfItsOwn) {
  EXPECT_EQ(Merged(Merge::kOwnInKeyOrder, {"*2\r\n:1\r\n-ERR x\r\n", "*1\r\n:3\r\n"}, {0, 1, 0}),
            "*3\r\n:1\r\n:3\r\n-ERR x\r\n");
  EXPECT_EQ(Merged(Merge::kOwnInKeyOrder, {"-OOM no\r\n", "*1\r\n:3\r\n"}, {0, 1}), "-OOM no\r\n");
}

// semantics.md 1: never a nil for a value that nobody has looked up.
TEST(MergeInKeyOrder, TakesNoReplyThatDoesNotFit) {
  for (const std::string_view wrong : {"*1\r\n$1\r\na\r\n", "*3\r\n:1\r\n:2\r\n:3\r\n", "*0\r\n", "*-1\r\n", "$-1\r\n",
                                       "+OK\r\n", ":2\r\n", "_\r\n"}) {
    EXPECT_EQ(Merged(Merge::kInKeyOrder, {wrong, "*1\r\n$1\r\nb\r\n"}, {0, 1, 0}), kDoesNotFit) << wrong;
  }
}

TEST(MergeInKeyOrder, WritesANilAsTheClientsVersionDoes) {
  const std::vector<std::string_view> children = {"*2\r\n_\r\n$1\r\na\r\n", "*1\r\n$-1\r\n"};
  EXPECT_EQ(Merged(Merge::kInKeyOrder, children, {0, 1, 0}, 2), "*3\r\n$-1\r\n$-1\r\n$1\r\na\r\n");
  EXPECT_EQ(Merged(Merge::kInKeyOrder, children, {0, 1, 0}, 3), "*3\r\n_\r\n_\r\n$1\r\na\r\n");
  EXPECT_EQ(Merged(Merge::kAnyNonNil, {"$-1\r\n", "_\r\n"}, {}, 3), "_\r\n");
  EXPECT_EQ(Merged(Merge::kAnyNonNil, {"_\r\n", "_\r\n"}, {}, 2), "$-1\r\n");
  EXPECT_EQ(Merged(Merge::kAnyNonNil, {"_\r\n", "$1\r\nk\r\n"}, {}, 3), "$1\r\nk\r\n");
}

TEST(MergeInKeyOrder, CopiesNoValue) {
  std::string first = "*1\r\n";
  wire::AppendBulk(std::string(1 << 20, 'x'), &first);
  const std::vector<std::string_view> children = {first, "*1\r\n$-1\r\n"};
  const std::vector<uint32_t> child_of_key = {1, 0};
  ReplyMerger merger;
  const auto pieces = merger.Merge(Merge::kInKeyOrder, children, child_of_key);
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces[0], "*2\r\n");
  EXPECT_EQ(pieces[2].data(), first.data() + 4);
}

// semantics.md 2: a count is never too small without an error.
TEST(MergeSum, AddsTheCountsOrAnswersTheError) {
  EXPECT_EQ(Merged(Merge::kSum, {":2\r\n", ":0\r\n", ":40\r\n"}), ":42\r\n");
  EXPECT_EQ(Merged(Merge::kSum, {":2\r\n", "-READONLY You can't write\r\n", "-ERR x\r\n"}),
            "-READONLY You can't write\r\n");
  for (const std::string_view wrong : {"+1\r\n", "$1\r\n1\r\n", "$-1\r\n", ":x\r\n", ":9223372036854775807\r\n"}) {
    EXPECT_EQ(Merged(Merge::kSum, {":1\r\n", wrong}), kDoesNotFit) << wrong;
  }
}

TEST(MergeLeast, TakesTheSmallestOrAnswersTheError) {
  EXPECT_EQ(Merged(Merge::kLeast, {":7\r\n", ":-3\r\n", ":40\r\n"}), ":-3\r\n");
  EXPECT_EQ(Merged(Merge::kLeast, {":7\r\n"}), ":7\r\n");
  EXPECT_EQ(Merged(Merge::kLeast, {":2\r\n", "-NOPERM no\r\n"}), "-NOPERM no\r\n");
  EXPECT_EQ(Merged(Merge::kLeast, {":2\r\n", "+OK\r\n"}), kDoesNotFit);
}

TEST(MergeAllOk, IsOkOnlyIfEveryChildIs) {
  EXPECT_EQ(Merged(Merge::kAllOk, {"+OK\r\n", "+OK\r\n"}), "+OK\r\n");
  EXPECT_EQ(Merged(Merge::kAllOk, {"+OK\r\n", "-OOM no\r\n"}), "-OOM no\r\n");
  EXPECT_EQ(Merged(Merge::kAllOk, {"+OK\r\n", "$-1\r\n"}), kDoesNotFit);
}

TEST(MergeAllOk, ALibraryThatSomeNodesDidNotHaveIsGoneFromAll) {
  constexpr std::string_view kNone = "-ERR Library not found\r\n";
  EXPECT_EQ(Merged(Merge::kAllOk, {kNone, "+OK\r\n", kNone}), "+OK\r\n");
  EXPECT_EQ(Merged(Merge::kAllOk, {kNone, kNone}), kNone);
  EXPECT_EQ(Merged(Merge::kAllOk, {kNone, "+OK\r\n", "-NODEDOWN x\r\n"}), "-NODEDOWN x\r\n");
  EXPECT_EQ(Merged(Merge::kAllOk, {kNone, "+OK\r\n", "$-1\r\n"}), kDoesNotFit);
}

TEST(MergeConcat, PutsTheArraysOneAfterAnother) {
  EXPECT_EQ(Merged(Merge::kConcat, {"*1\r\n$1\r\na\r\n", "*0\r\n", "*2\r\n$1\r\nb\r\n*1\r\n:1\r\n"}),
            "*3\r\n$1\r\na\r\n$1\r\nb\r\n*1\r\n:1\r\n");
  EXPECT_EQ(Merged(Merge::kConcat, {"*0\r\n", "*0\r\n"}), "*0\r\n");
  EXPECT_EQ(Merged(Merge::kConcat, {"*0\r\n", "*-1\r\n"}), kDoesNotFit);
  EXPECT_EQ(Merged(Merge::kConcat, {"*0\r\n", "-NOPERM no\r\n"}), "-NOPERM no\r\n");
}

TEST(MergeConcat, PutsTogetherSetsAndThePairsOfMaps) {
  EXPECT_EQ(Merged(Merge::kConcat, {"~1\r\n+a\r\n", "~0\r\n", "~2\r\n+b\r\n+c\r\n"}, {}, 3),
            "~3\r\n+a\r\n+b\r\n+c\r\n");
  EXPECT_EQ(Merged(Merge::kConcat, {"%1\r\n+a\r\n*0\r\n", "%1\r\n+b\r\n:1\r\n"}, {}, 3),
            "%2\r\n+a\r\n*0\r\n+b\r\n:1\r\n");
  EXPECT_EQ(Merged(Merge::kConcat, {"~1\r\n+a\r\n", "*1\r\n+b\r\n"}, {}, 3), "*2\r\n+a\r\n+b\r\n");
  EXPECT_EQ(Merged(Merge::kConcat, {"%1\r\n+a\r\n:0\r\n", "*2\r\n+b\r\n:1\r\n"}, {}, 3), kDoesNotFit);
}

TEST(MergeFirst, AnswersTheFirstUnlessOneFailed) {
  EXPECT_EQ(Merged(Merge::kFirst, {"$3\r\nsha\r\n", "$3\r\nsha\r\n"}), "$3\r\nsha\r\n");
  EXPECT_EQ(Merged(Merge::kFirst, {"$3\r\nsha\r\n", "-ERR x\r\n"}), "-ERR x\r\n");
  EXPECT_EQ(Merged(Merge::kNone, {":7\r\n"}), ":7\r\n");
}

TEST(MergeEveryElementAnd, IsOneWhereEveryChildHasOne) {
  EXPECT_EQ(Merged(Merge::kEveryElementAnd, {"*3\r\n:1\r\n:1\r\n:0\r\n", "*3\r\n:1\r\n:0\r\n:0\r\n"}),
            "*3\r\n:1\r\n:0\r\n:0\r\n");
  for (const std::string_view wrong :
       {"*1\r\n:1\r\n", "*2\r\n:1\r\n:2\r\n", "*2\r\n:1\r\n+1\r\n", "*-1\r\n", ":1\r\n"}) {
    EXPECT_EQ(Merged(Merge::kEveryElementAnd, {"*2\r\n:1\r\n:1\r\n", wrong}), kDoesNotFit) << wrong;
  }
}

TEST(MergeAnyNonNil, TakesAnyNodesValueThenTheErrorThenNil) {
  EXPECT_EQ(Merged(Merge::kAnyNonNil, {"$-1\r\n", "-ERR x\r\n", "$1\r\nk\r\n"}), "$1\r\nk\r\n");
  EXPECT_EQ(Merged(Merge::kAnyNonNil, {"$-1\r\n", "-ERR x\r\n", "-ERR y\r\n"}), "-ERR x\r\n");
  EXPECT_EQ(Merged(Merge::kAnyNonNil, {"$-1\r\n", "$-1\r\n"}), "$-1\r\n");
  EXPECT_EQ(Merged(Merge::kAnyNonNil, {"$-1\r\n", ":1\r\n"}), kDoesNotFit);
}

TEST(MergeAnyOk, TakesAnyNodesOkThenTheErrorThatIsTheWorstNews) {
  constexpr std::string_view kIdle = "-NOTBUSY No scripts in execution right now.\r\n";
  constexpr std::string_view kStuck = "-UNKILLABLE Sorry\r\n";
  EXPECT_EQ(Merged(Merge::kAnyOk, {kIdle, kStuck, "+OK\r\n", "-NODEDOWN x\r\n"}), "+OK\r\n");
  EXPECT_EQ(Merged(Merge::kAnyOk, {kIdle, "-NODEDOWN x\r\n", kStuck}), kStuck);
  EXPECT_EQ(Merged(Merge::kAnyOk, {kIdle, "-BUSY x\r\n", "-NODEDOWN x\r\n"}), "-BUSY x\r\n");
  EXPECT_EQ(Merged(Merge::kAnyOk, {kIdle, kIdle}), kIdle);
  EXPECT_EQ(Merged(Merge::kAnyOk, {kIdle, "+OKAY\r\n"}), kDoesNotFit);
}

TEST(ReplyMerger, DoesNotAllocateOnceWarm) {
  ReplyMerger merger;
  const std::vector<std::string_view> children = {"*2\r\n$1\r\na\r\n$1\r\nc\r\n", "*1\r\n$1\r\nb\r\n"};
  const std::vector<uint32_t> child_of_key = {0, 1, 0};
  merger.Merge(Merge::kInKeyOrder, children, child_of_key);
  const test::AllocationCounter counter;
  for (int i = 0; i < 100; ++i) merger.Merge(Merge::kInKeyOrder, children, child_of_key);
  EXPECT_EQ(counter.count(), 0U);
}

// Replies of the fuzzer's corpus, merged in every way: the client always gets one whole reply.
TEST(ReplyMerger, MakesOneWholeReplyOfAnyReplies) {
  std::vector<std::string> replies;
  for (const auto& entry : std::filesystem::directory_iterator(test::SourceRoot() / "tests/fuzz/corpus/resp_reply")) {
    const std::string bytes = test::ReadFile(entry.path());
    wire::RespReplyFramer framer;
    if (framer.Frame(bytes) == wire::ReplyFramer::FrameStatus::kReply)
      replies.push_back(bytes.substr(0, framer.size()));
  }
  ASSERT_GE(replies.size(), 20U);
  std::ranges::sort(replies);
  std::mt19937 random(1);  // NOLINT: every run the same.
  const auto below = [&](size_t bound) { return random() % bound; };
  for (int run = 0; run < 20'000; ++run) {
    std::vector<std::string_view> children;
    for (size_t i = 0; i <= below(4); ++i) children.push_back(replies[below(replies.size())]);
    std::vector<uint32_t> child_of_key;
    for (size_t i = 0; i <= below(6); ++i) child_of_key.push_back(static_cast<uint32_t>(below(children.size())));
    for (const Merge merge :
         {Merge::kInKeyOrder, Merge::kOwnInKeyOrder, Merge::kSum, Merge::kLeast, Merge::kAllOk, Merge::kConcat,
          Merge::kFirst, Merge::kEveryElementAnd, Merge::kAnyNonNil, Merge::kAnyOk}) {
      const std::string merged = Merged(merge, children, child_of_key);
      wire::RespReplyFramer framer;
      ASSERT_EQ(framer.Frame(merged), wire::ReplyFramer::FrameStatus::kReply) << merged;
      ASSERT_EQ(framer.size(), merged.size()) << merged;
    }
  }
}

}  // namespace
}  // namespace ringproxy::proxy
