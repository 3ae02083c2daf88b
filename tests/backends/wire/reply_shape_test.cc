#include "backends/wire/reply_shape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "backends/wire/command.h"

namespace ringproxy::wire {
namespace {

// The types of RESP2 and RESP3 with which a reply to the command may begin.
std::string TypesOf(std::string_view name) {
  std::string types;
  for (const char type : std::string_view("+-:$*_#,(=!~%|")) {
    if (Fits(FindRedisCommand(name)->reply, type)) types += type;
  }
  return types;
}

bool GoesToNodes(const CommandSpec& spec) {
  switch (spec.handling) {
    case Handling::kRefused:
    case Handling::kLocal:
    case Handling::kPubSub:
    case Handling::kClients: return false;
    default: return true;
  }
}

TEST(ReplyShape, IsTheSameInBothProtocolsAndLeavesRoomForNilAndErrors) {
  EXPECT_EQ(TypesOf("get"), "+-$_=!|");
  EXPECT_EQ(TypesOf("incr"), "-:#!|");
  EXPECT_EQ(TypesOf("mset"), "+-!|");
  EXPECT_EQ(TypesOf("hgetall"), "-*_!~%|");
  EXPECT_EQ(TypesOf("zscore"), "-:$_,(!|");
  EXPECT_EQ(TypesOf("lpop"), "+-$*_=!~%|");
  EXPECT_EQ(TypesOf("lpos"), "+-:$*_#=!~%|");
  EXPECT_EQ(TypesOf("object|freq"), "+-:$_#=!|");
}

TEST(ReplyShape, OfWhatAClientOrAModuleChoosesIsAny) {
  for (const std::string_view name : {"eval", "evalsha_ro", "fcall", "json.get", "ft.search", "httl"})
    EXPECT_EQ(FindRedisCommand(name)->reply, ReplyShape::kAny) << name;
}

TEST(ReplyShape, IsSaidByEveryRowThatOldServersAgreeOn) {
  std::vector<std::string_view> silent;
  for (const CommandSpec& spec : BuiltInRedisCommands()) {
    const bool is_old = spec.since == FirstReleases{} && spec.name.find('.') == std::string_view::npos;
    if (is_old && GoesToNodes(spec) && spec.reply == ReplyShape::kAny) silent.push_back(spec.name);
  }
  EXPECT_THAT(silent, testing::ElementsAre("debug", "eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro",
                                           "monitor", "pfdebug"));
}

TEST(ReplyShape, TravelsWithWhatIsAsked) {
  const Asked heavy = Work::kHeavy;
  EXPECT_EQ(heavy.work, Work::kHeavy);
  EXPECT_EQ(heavy.reply, ReplyShape::kAny);
  EXPECT_TRUE(Fits(Asked().reply, ':'));
}

}  // namespace
}  // namespace ringproxy::wire
