// tests/proxy/session/redis_front_fixture.h – Redis clients around a whole worker: what they read, and what reaches a
// node.
#pragma once

#include <gmock/gmock.h>

#include "backends/wire/resp_reply.h"
#include "tests/proxy/control/worker_fixture.h"

namespace ringproxy::proxy {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class RedisFrontTest : public WorkerFixture {
 protected:
  // The replies to what was sent, one string each.
  std::vector<std::string> Replies(test::FakeSocket& client) {
    Settle();
    const std::string all = client.TakeWritten();
    std::vector<std::string> replies;
    wire::RespReplyFramer framer;
    for (std::string_view rest = all; !rest.empty(); rest.remove_prefix(framer.size())) {
      framer.Reset();
      EXPECT_EQ(framer.Frame(rest), wire::ReplyFramer::FrameStatus::kReply) << rest;
      replies.emplace_back(rest.substr(0, framer.size()));
    }
    return replies;
  }
  std::vector<std::string> Ask(test::FakeSocket& client, const std::vector<std::vector<std::string>>& requests) {
    std::string bytes;
    for (const auto& request : requests) bytes += Encode(request);
    client.Receive(bytes);
    return Replies(client);
  }
  std::string AskOne(test::FakeSocket& client, const std::vector<std::string>& request) {
    const std::vector<std::string> replies = Ask(client, {request});
    return replies.size() == 1 ? replies[0] : "not one reply";
  }
  // A SET reaches its node.
  bool Executes(test::FakeSocket& client) {
    Ask(client, {{"SET", KeyOf(0), "v"}});
    if (Node(0).TakeWritten().empty()) return false;
    Node(0).Receive("+OK\r\n");
    EXPECT_EQ(Replies(client), std::vector<std::string>{"+OK\r\n"});
    return true;
  }
  // A request of the row with as few arguments as it takes.
  static std::vector<std::string> Shortest(const wire::CommandSpec& spec) {
    std::vector<std::string> words = {std::string(spec.name.substr(0, spec.name.find('|')))};
    if (words[0] != spec.name) words.emplace_back(spec.name.substr(words[0].size() + 1));
    while (static_cast<int>(words.size()) < std::abs(spec.arity)) words.emplace_back("1");
    return words;
  }
  uint64_t Refusals(std::string_view command, wire::ErrorCode code) const {
    const auto reason = std::ranges::find(kRefusalReasons, code) - std::begin(kRefusalReasons);
    return stats_->listeners[0].refusals.value(wire::CommandIndex(*wire::FindRedisCommand(command)),
                                               static_cast<size_t>(reason));
  }
};

}  // namespace ringproxy::proxy
