#include "proxy/state/spliced_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/test_request.h"

namespace ringproxy::proxy {
namespace {

using test::TestRequest;
using testing::ElementsAre;

class SplicedCommandsTest : public testing::Test {
 protected:
  void Add(uint32_t position, std::string_view line) {
    const TestRequest request(TestRequest::Split(line));
    spliced_.Add(position, *wire::FindRedisCommand(wire::Request(request)), request);
  }
  std::string Merge(std::string_view executed) {
    const auto answer = [&](const SplicedCommand& command, std::string* out) {
      const wire::Request request = command.request();
      done_.push_back(std::string(command.spec->name) + " " + std::string(request[request.size() - 1]));
      out->append("+").append(command.spec->name).append("\r\n");
    };
    const auto select = [&](uint16_t database) { done_.push_back(std::to_string(database)); };
    return std::string(spliced_.Merge(executed, pool_, answer, select).bytes());
  }

  SplicedCommands spliced_;
  net::BlockPool pool_;
  std::vector<std::string> done_;
};

TEST_F(SplicedCommandsTest, StandWhereTheyWereQueued) {
  Add(0, "client setname me");
  Add(2, "client id");
  Add(3, "command count");
  EXPECT_EQ(Merge("*2\r\n*1\r\n:1\r\n-ERR no\r\n"),
            "*5\r\n+client|setname\r\n*1\r\n:1\r\n+client|id\r\n+command|count\r\n-ERR no\r\n");
  EXPECT_THAT(done_, ElementsAre("client|setname me", "client|id id", "command|count count"));
}

TEST_F(SplicedCommandsTest, AreAllThereIs) {
  Add(0, "client id");
  EXPECT_EQ(Merge("*0\r\n"), "*1\r\n+client|id\r\n");
}

TEST_F(SplicedCommandsTest, TheClientFollowsASelectThatSucceeded) {
  spliced_.NoteSelect(0, 4);
  Add(1, "client id");
  spliced_.NoteSelect(2, 9);
  EXPECT_EQ(Merge("*3\r\n+OK\r\n-ERR DB index is out of range\r\n$1\r\nv\r\n"),
            "*4\r\n+OK\r\n+client|id\r\n-ERR DB index is out of range\r\n$1\r\nv\r\n");
  EXPECT_THAT(done_, ElementsAre("4", "client|id id"));
}

TEST_F(SplicedCommandsTest, SomeAskNodes) {
  Add(0, "client id");
  Add(0, "client info");
  EXPECT_FALSE(spliced_.asks());
  Add(1, "info memory");
  Add(3, "command count");
  Add(4, "pubsub numsub c");
  EXPECT_TRUE(spliced_.asks());
  std::vector<std::string> asked;
  spliced_.ForEachAsked([&](const wire::CommandSpec& spec, const wire::Request& request) {
    asked.push_back(std::string(spec.name) + " " + std::string(request[request.size() - 1]));
  });
  EXPECT_THAT(asked, ElementsAre("info memory", "pubsub|numsub c"));
}

TEST_F(SplicedCommandsTest, SomeAskWorkersAndNoNodes) {
  Add(0, "client list");
  EXPECT_TRUE(spliced_.asks());
  spliced_.ForEachAsked([](const wire::CommandSpec& spec, const wire::Request&) { ADD_FAILURE() << spec.name; });
}

TEST_F(SplicedCommandsTest, TellWhatTheyHold) {
  const size_t before = spliced_.held_bytes();
  Add(0, "client setname " + std::string(1000, 'x'));
  EXPECT_GE(spliced_.held_bytes(), before + 1000);
}

}  // namespace
}  // namespace ringproxy::proxy
