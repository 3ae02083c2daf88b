#include "proxy/route/fanout.h"

#include <gtest/gtest.h>

#include "tests/support/fake_loop.h"

namespace ringproxy::proxy {
namespace {

using backends::Ticket;

struct Heard final : backends::ReplySink {
  void OnReply(Ticket, backends::Reply&& reply) override { replies.emplace_back(reply.bytes()); }
  void OnFailure(Ticket, const wire::Failure& failure) override { replies.emplace_back(wire::ErrorName(failure.code)); }

  std::vector<std::string> replies;
};

class FanoutTest : public testing::Test {
 protected:
  uint32_t Open(uint32_t children) {
    FanoutPlan plan;
    plan.merge = wire::Merge::kConcat;
    plan.children = children;
    return fanout_.Open({}, &plan);
  }
  void Answer(uint32_t owner, uint32_t child, std::string_view reply) {
    fanout_.OnReply(Fanout::ChildTicket(owner, child), backends::Reply(reply));
  }
  static std::string ArrayOf(size_t bytes) {
    return "*1\r\n$" + std::to_string(bytes) + "\r\n" + std::string(bytes, 'x') + "\r\n";
  }

  test::FakeLoop loop_;
  backends::WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  Heard heard_;
  PartialStats partial_;
  Fanout fanout_{io_, heard_, partial_};
};

TEST_F(FanoutTest, KeepsNoneOfThePartsThatAreTooLargeTogether) {
  net::ProcessMemory process(16 << 20, 1);
  io_.memory.Join(process, io_.blocks);
  const uint32_t owner = Open(3);
  Answer(owner, 1, ArrayOf(3 << 20));
  Answer(owner, 0, ArrayOf(3 << 20));
  EXPECT_EQ(io_.blocks.blocks_in_use(), 0U);
  EXPECT_TRUE(heard_.replies.empty());
  Answer(owner, 2, ArrayOf(10));
  EXPECT_EQ(heard_.replies, std::vector<std::string>{"out_of_memory"});
  // Its place serves the next one.
  const uint32_t next = Open(1);
  Answer(next, 0, ArrayOf(10));
  EXPECT_EQ(heard_.replies.back(), ArrayOf(10));
}

TEST_F(FanoutTest, LeavesTheMemoryOfAFewPlansThatAreOverForTheNextOnes) {
  std::vector<uint32_t> owners;
  for (int i = 0; i < 1000; ++i) {
    FanoutPlan plan;
    plan.merge = wire::Merge::kConcat;
    plan.children = 1;
    plan.child_of_key.resize(1000);
    owners.push_back(fanout_.Open({}, &plan));
    EXPECT_EQ(plan.child_of_key.capacity(), 0U);
  }
  for (const uint32_t owner : owners) Answer(owner, 0, ArrayOf(1));
  size_t warm = 0;
  for (int i = 0; i < 1000; ++i) {
    FanoutPlan plan;
    plan.merge = wire::Merge::kConcat;
    plan.children = 1;
    fanout_.Open({}, &plan);
    warm += plan.child_of_key.capacity() > 0 ? 1 : 0;
  }
  EXPECT_GT(warm, 10U);
  EXPECT_LT(warm, 100U);
}

}  // namespace
}  // namespace ringproxy::proxy
