// Where requests go while nodes have as many under way as they may: nowhere else, and some go there all the same.
#include <gmock/gmock.h>

#include "tests/proxy/route/dispatcher_fixture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

constexpr const char* kFull = "node_overloaded";
constexpr const char* kNodeDown = "node_down";

class DispatcherOverloadTest : public DispatcherTest {
 protected:
  // Every node may have two requests under way, the second for priority.
  DispatcherOverloadTest() {
    for (conf::Pool& pool : config_.pools) pool.concurrency = {.min = 2, .max = 2, .reserve = {500}};
  }
  // Nobody without priority may ask it until it answers.
  void Fill(uint32_t node) {
    Dispatch({"GET", KeyOf(node)}, true);
    Node(node).TakeWritten();
  }
};

TEST_F(DispatcherOverloadTest, RefusesWhatAFullNodeIsAskedAndAsksTheOthers) {
  for (const auto policy : {conf::DownPolicy::kError, conf::DownPolicy::kRehash, conf::DownPolicy::kGutter}) {
    pool(0).on_down = {policy, policy == conf::DownPolicy::kGutter ? "unreached" : ""};
    Make();
    Fill(0);
    Dispatch({"GET", KeyOf(0)});
    Dispatch({"SET", KeyOf(0), "v"});
    EXPECT_EQ(TakeReplies(), (Words{kFull, kFull}));
    EXPECT_EQ(Asked(), (std::vector<size_t>{}));
    EXPECT_EQ(Stats(0).overloads.value(), 2U);
    EXPECT_EQ(Stats(0).failures.value(), 0U);
    Dispatch({"GET", KeyOf(1)});
    EXPECT_EQ(Asked(), (std::vector<size_t>{1}));
    Node(0).Receive("$-1\r\n");
    Dispatch({"GET", KeyOf(0)});
    EXPECT_EQ(Asked(), (std::vector<size_t>{0}));
    TakeReplies();
  }
}

TEST_F(DispatcherOverloadTest, GivesRequestsWithPriorityWhatIsInReserve) {
  for (const auto policy : {conf::DownPolicy::kError, conf::DownPolicy::kRehash}) {
    pool(0).on_down.policy = policy;
    Make();
    Fill(0);
    Dispatch({"SET", KeyOf(0), "v"});
    EXPECT_EQ(TakeReplies(), Words{kFull});
    Dispatch({"SET", KeyOf(0), "v"}, true);
    EXPECT_EQ(Asked(), (std::vector<size_t>{0}));
    Dispatch({"SET", KeyOf(0), "v"}, true);
    EXPECT_EQ(TakeReplies(), Words{kFull});
  }
}

TEST_F(DispatcherOverloadTest, RefusesWithoutTheBreakerMinding) {
  Make();
  Fill(0);
  for (int i = 0; i < 1000; ++i) Dispatch({"GET", KeyOf(0)});
  EXPECT_EQ(Stats(0).overloads.value(), 1000U);
  EXPECT_TRUE(observer_.news.empty());
  Node(0).Receive("$-1\r\n");
  Dispatch({"GET", KeyOf(0)});
  EXPECT_EQ(Asked(), (std::vector<size_t>{0}));
}

TEST_F(DispatcherOverloadTest, AnswersASplitCommandWithTheErrorOfTheFullNode) {
  for (const auto policy : {conf::DownPolicy::kError, conf::DownPolicy::kRehash}) {
    pool(0).on_down.policy = policy;
    Make();
    Fill(0);
    Dispatch({"MGET", KeyOf(0), KeyOf(1)});
    EXPECT_EQ(Asked(), (std::vector<size_t>{1}));
    Node(1).Receive("*1\r\n$-1\r\n");
    EXPECT_EQ(TakeReplies(), Words{"-OVERLOADED node main0 of pool main has too many requests in flight\r\n"});
    Dispatch({"MGET", KeyOf(0), KeyOf(1)}, true);
    EXPECT_EQ(Asked(), (std::vector<size_t>{0, 1}));
  }
}

TEST_F(DispatcherOverloadTest, AsksAnotherNodeWhereAnyWillDo) {
  Make();
  Fill(0);
  Dispatch({"TIME"});
  EXPECT_EQ(Asked(), (std::vector<size_t>{1}));
  Dispatch({"TIME"});
  EXPECT_EQ(TakeReplies(), Words{kFull});
  Eject(0);
  Eject(1);
  Dispatch({"TIME"});
  EXPECT_EQ(TakeReplies(), Words{kNodeDown});
}

TEST_F(DispatcherOverloadTest, TellsACommandForAllNodesWhichOneIsFull) {
  Make();
  Fill(1);
  Dispatch({"DBSIZE"});
  EXPECT_EQ(Asked(), (std::vector<size_t>{0, 2}));
  Node(0).Receive(":1\r\n");
  Node(2).Receive(":1\r\n");
  EXPECT_EQ(TakeReplies(), Words{"-OVERLOADED node main1 of pool main has too many requests in flight\r\n"});
  config_.listeners[0].routes = {{"", "carts"}};
  Make();
  Dispatch({"DBSIZE"});
  Dispatch({"DBSIZE"});
  EXPECT_EQ(TakeReplies(), Words{kFull});
}

TEST_F(DispatcherOverloadTest, RefusesForTheGutterWhenThatIsFullAndForTheOwnerWhatTheGutterWouldNotTake) {
  pool(0).on_down = {conf::DownPolicy::kGutter, "unreached"};
  Make();
  Eject(0);
  Dispatch({"GET", KeyOf(0)});
  EXPECT_EQ(Asked(), (std::vector<size_t>{3}));
  Dispatch({"GET", KeyOf(0)});
  EXPECT_EQ(TakeReplies(), Words{kFull});
  EXPECT_EQ(Stats(3).overloads.value(), 1U);
  Dispatch({"INCR", KeyOf(0)});
  EXPECT_EQ(TakeReplies(), Words{kNodeDown});
  EXPECT_EQ(Stats(0).failures.value(), 1U);
}

TEST_F(DispatcherOverloadTest, RefusesAReadAtOnceThatIsKeptForRetries) {
  pool(0).retries.max = 3;
  Make();
  Fill(0);
  Dispatch({"GET", KeyOf(0)});
  EXPECT_EQ(TakeReplies(), Words{kFull});
  EXPECT_EQ(retry_stats_[0].retries.value(), 0U);
}

}  // namespace
}  // namespace ringproxy::proxy
