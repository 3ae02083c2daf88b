// Where requests go while nodes are down, sick or full: on_down, load_bound, commands for all nodes and for any.
#include <gmock/gmock.h>

#include "tests/proxy/route/dispatcher_fixture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

constexpr const char* kDown = "node_down";

class DispatcherHealthTest : public DispatcherTest {
 protected:
  void Serve(uint32_t node) { Publish(node, Verdict::kServe); }
  // Its worker's breaker: open for about a second, then on trial by a probe.
  void TripBreaker(uint32_t node) {
    for (int i = 0; i < 5; ++i) Dispatch({"GET", KeyOf(node)});
    Node(node).TakeWritten();
    for (int i = 0; i < 5; ++i) Node(node).Receive("-LOADING x\r\n");
    sink_.replies.clear();
  }
  void PutOnTrial(uint32_t node) {
    TripBreaker(node);
    for (int ms = 0; ms < 1200 && Node(node).written.empty(); ++ms) {
      loop_.Advance(1ms);
      FlushAll();
    }
    Node(node).TakeWritten();
    Node(node).Receive("+PONG\r\n");
  }
};

TEST_F(DispatcherHealthTest, RefusesWhatBelongsToANodeThatIsOutAndNothingElse) {
  Make();
  Eject(0);
  Dispatch({"GET", KeyOf(0)});
  Dispatch({"SET", KeyOf(0), "v"});
  EXPECT_EQ(TakeReplies(), (Words{kDown, kDown}));
  EXPECT_EQ(Asked(), (std::vector<size_t>{}));
  Dispatch({"GET", KeyOf(1)});
  EXPECT_EQ(Asked(), (std::vector<size_t>{1}));
  EXPECT_EQ(Stats(0).failures.value(), 2U);
  Serve(0);
  Dispatch({"GET", KeyOf(0)});
  EXPECT_EQ(Asked(), (std::vector<size_t>{0}));
}

TEST_F(DispatcherHealthTest, RefusesByAWorkersOwnBreakerBeforeTheProcessKnows) {
  Make();
  TripBreaker(1);
  Dispatch({"GET", KeyOf(1)});
  EXPECT_EQ(TakeReplies(), Words{kDown});
  EXPECT_EQ(Asked(), (std::vector<size_t>{}));
}

TEST_F(DispatcherHealthTest, TakesNoNodeForSickByTheRepliesOfScriptsHoweverTheyTravel) {
  Make();
  const auto answer = [this](const Words& request) {
    for (int i = 0; i < 5; ++i) Dispatch(request);
    for (const size_t node : Asked()) {
      for (int i = 0; i < 5; ++i) Node(node).Receive("-LOADING x\r\n");
    }
    EXPECT_EQ(TakeReplies(), Words(5, "-LOADING x\r\n")) << request[0];
    Dispatch({"GET", KeyOf(1)});
    EXPECT_EQ(Asked(), (std::vector<size_t>{1})) << request[0];
    Node(1).Receive("$-1\r\n");
    TakeReplies();
  };
  for (const char* command : {"EVAL", "EVAL_RO", "EVALSHA", "EVALSHA_RO", "FCALL", "FCALL_RO"}) {
    answer({command, "script", "1", KeyOf(1)});
    answer({command, std::string(100'000, 's'), "1", KeyOf(1)});
  }
  answer({"SCRIPT", "LOAD", "script"});
  answer({"SCRIPT", "EXISTS", "script"});
  answer({"FUNCTION", "LOAD", "script"});
}

TEST_F(DispatcherHealthTest, AsksSickNodesAllTheSameWhenThePoolFailsOpen) {
  Make();
  TripBreaker(1);
  Publish(1, Verdict::kKeepAsking);
  Dispatch({"SET", KeyOf(1), "v"});
  EXPECT_EQ(Asked(), (std::vector<size_t>{1}));
}

TEST_F(DispatcherHealthTest, LetsReadsThroughToANodeOnTrialAndNoWrites) {
  Make();
  PutOnTrial(1);
  Dispatch({"SET", KeyOf(1), "v"});
  EXPECT_EQ(TakeReplies(), Words{kDown});
  for (int i = 0; i < 3; ++i) {
    Dispatch({"GET", KeyOf(1)});
    Node(1).Receive("$-1\r\n");
  }
  TakeReplies();
  Dispatch({"SET", KeyOf(1), "v"});
  Node(1).Receive("+OK\r\n");
  EXPECT_EQ(TakeReplies(), Words{"+OK\r\n"});
}

TEST_F(DispatcherHealthTest, AnswersASplitCommandWithTheErrorOfTheNodeThatIsOut) {
  Make();
  Eject(0);
  Dispatch({"MGET", KeyOf(0), KeyOf(1)});
  EXPECT_EQ(Asked(), (std::vector<size_t>{1}));
  Node(1).Receive("*1\r\n$-1\r\n");
  EXPECT_EQ(TakeReplies(), Words{"-NODEDOWN node main0 of pool main is down\r\n"});
  Dispatch({"MGET", KeyOf(0), KeyOf(0, "other")});
  EXPECT_EQ(TakeReplies(), Words{kDown});
  EXPECT_EQ(fanout_->open(), 0U);
}

TEST_F(DispatcherHealthTest, AnswersOnceWhenEveryPartOfACommandIsRefused) {
  Make();
  for (uint32_t n = 0; n < 4; ++n) Eject(n);
  Dispatch({"MGET", KeyOf(0), KeyOf(1), "cart:1"});
  EXPECT_EQ(TakeReplies().size(), 1U);
  Dispatch({"DBSIZE"});
  EXPECT_EQ(TakeReplies().size(), 1U);
  EXPECT_EQ(fanout_->open(), 0U);
  EXPECT_EQ(Asked(), (std::vector<size_t>{}));
}

TEST_F(DispatcherHealthTest, TellsACommandForAllNodesWhichOneIsOut) {
  Make();
  Eject(1);
  Dispatch({"DBSIZE"});
  EXPECT_EQ(Asked(), (std::vector<size_t>{0, 2}));
  Node(0).Receive(":1\r\n");
  Node(2).Receive(":1\r\n");
  EXPECT_EQ(TakeReplies(), Words{"-NODEDOWN node main1 of pool main is down\r\n"});
}

TEST_F(DispatcherHealthTest, AsksTheNextNodeOnTheRingWhereKeysMoveAndTheOwnerOnceItIsBack) {
  pool(0).on_down.policy = conf::DownPolicy::kRehash;
  Make();
  const std::string key = KeyOf(0);
  Eject(0);
  Dispatch({"GET", key});
  Dispatch({"SET", key, "v"});
  EXPECT_EQ(Asked(), (std::vector<size_t>{1}));
  EXPECT_TRUE(TakeReplies().empty());
  Serve(0);
  Dispatch({"GET", key});
  EXPECT_EQ(Asked(), (std::vector<size_t>{0}));
  Eject(0);
  Eject(1);
  Dispatch({"GET", key});
  EXPECT_EQ(TakeReplies(), Words{kDown});
}

TEST_F(DispatcherHealthTest, JoinsTheMovedKeysOfAMultiGetWithTheOthersOfTheirNewNode) {
  pool(0).on_down.policy = conf::DownPolicy::kRehash;
  Make();
  const std::string a = KeyOf(0);
  const std::string b = KeyOf(1);
  Eject(0);
  Dispatch({"MGET", a, b, a});
  EXPECT_EQ(Node(1).TakeWritten(), encoded_);
  Node(1).Receive("*3\r\n:1\r\n:2\r\n:1\r\n");
  EXPECT_EQ(TakeReplies(), Words{"*3\r\n:1\r\n:2\r\n:1\r\n"});
  // And a command over keys of both nodes has them together for now.
  Dispatch({"RENAME", a, b});
  EXPECT_EQ(Asked(), (std::vector<size_t>{1}));
}

// Beside the request that is under way it takes one in a hundred of those it is asked for, whichever key that is.
TEST_F(DispatcherHealthTest, AsksANodeOnTrialOnceForAllKeysOfACommandThatCannotBeSplit) {
  for (const auto& on_down : {conf::OnDown{conf::DownPolicy::kError, ""},
                              {conf::DownPolicy::kRehash, ""},
                              {conf::DownPolicy::kGutter, "carts"}}) {
    pool(0).on_down = on_down;
    Make();
    PutOnTrial(0);
    Dispatch({"GET", KeyOf(0)});
    size_t asked = 0;
    Node(0).TakeWritten();
    for (int i = 0; i < 250; ++i) {
      Dispatch({"SINTER", KeyOf(0), KeyOf(0, "other")});
      if (!Node(0).TakeWritten().empty()) ++asked;
    }
    // Two keys ask once: 1, 101 and 201.
    EXPECT_EQ(asked, 3U);
    for (const std::string& reply : TakeReplies()) EXPECT_EQ(reply, kDown);
  }
}

TEST_F(DispatcherHealthTest, NamesTheOwnerWhereItsKeysWouldGoToDifferentNodesInItsPlace) {
  for (int i = 2; i < 9; ++i) pool(0).nodes.push_back({"main" + std::to_string(i), {"10.0.0.1", 1, ""}, 1});
  pool(0).on_down.policy = conf::DownPolicy::kRehash;
  Make();
  const std::string a = KeyOf(0);
  std::string b;
  // Another key of its, for which another node stands in.
  for (int i = 0; b.empty(); ++i) {
    const std::string key = KeyOf(0, "x" + std::to_string(i) + ":");
    Eject(0);
    Dispatch({"GET", a});
    const auto of_a = Asked();
    Dispatch({"GET", key});
    if (Asked() != of_a) b = key;
    Serve(0);
  }
  Eject(0);
  Dispatch({"SINTER", a, b});
  EXPECT_EQ(Asked(), (std::vector<size_t>{}));
  EXPECT_EQ(TakeReplies(), Words{kDown});
  EXPECT_TRUE(refusals_.codes.empty());
  // With a key of another node's it is the request that cannot be answered.
  Dispatch({"SINTER", a, b, KeyOf(1)});
  EXPECT_EQ(TakeReplies(), Words{"cross_slot"});
  Serve(0);
  Dispatch({"SINTER", a, b});
  EXPECT_EQ(Asked(), (std::vector<size_t>{0}));
}

TEST_F(DispatcherHealthTest, AsksTheGutterPoolInPlaceOfANodeThatIsOut) {
  pool(0).on_down = {conf::DownPolicy::kGutter, "unreached"};
  Make();
  Dispatch({"GET", KeyOf(0)});
  EXPECT_EQ(Asked(), (std::vector<size_t>{0}));
  Eject(0);
  Dispatch({"GET", KeyOf(0)});
  EXPECT_EQ(Asked(), (std::vector<size_t>{3}));
  Dispatch({"GET", KeyOf(1)});
  EXPECT_EQ(Asked(), (std::vector<size_t>{1}));
  // Gutter and owner down: the owner is named.
  Eject(3);
  Dispatch({"GET", KeyOf(0)});
  EXPECT_EQ(TakeReplies(), Words{kDown});
  EXPECT_EQ(Stats(0).failures.value(), 1U);
}

TEST_F(DispatcherHealthTest, SpillsFromANodeThatHasMoreThanItsShareOfTheLoad) {
  pool(0).ring.load_bound = {1000};
  Make();
  const std::string key = KeyOf(0);
  Dispatch({"GET", key});
  EXPECT_EQ(Asked(), (std::vector<size_t>{0}));
  Dispatch({"GET", key});
  EXPECT_EQ(Asked(), (std::vector<size_t>{1}));
  Node(0).Receive("$-1\r\n");
  Node(1).Receive("$-1\r\n");
  Dispatch({"GET", key});
  EXPECT_EQ(Asked(), (std::vector<size_t>{0}));
  // on_down is error: a full node spills, one that is out does not.
  Eject(0);
  Dispatch({"GET", key});
  EXPECT_EQ(TakeReplies().back(), kDown);
}

TEST_F(DispatcherHealthTest, AsksAnyNodeThatServesWhenAnyWillDo) {
  Make();
  Eject(0);
  Dispatch({"TIME"});
  EXPECT_EQ(Asked(), (std::vector<size_t>{1}));
  Eject(1);
  Dispatch({"TIME"});
  EXPECT_EQ(TakeReplies(), Words{kDown});
}

// It is asked once and for good: what it was let through for it also gets.
TEST_F(DispatcherHealthTest, GivesACommandForAnyNodeAnAnswerWhileANodeIsOnTrial) {
  for (const auto policy : {conf::DownPolicy::kError, conf::DownPolicy::kRehash}) {
    pool(0).on_down.policy = policy;
    Make();
    PutOnTrial(0);
    for (const char* command : {"LOLWUT", "TIME"}) {
      Dispatch({command});
      ASSERT_EQ(Asked().size(), 1U) << command;
      EXPECT_TRUE(TakeReplies().empty());
    }
  }
}

TEST_F(DispatcherHealthTest, AsksAPoolOfOneWhetherItServesAlsoForACommandForAllNodes) {
  for (const auto policy : {conf::DownPolicy::kError, conf::DownPolicy::kRehash}) {
    config_.listeners[0].routes = {{"", "carts"}};
    pool(1).on_down.policy = policy;
    Make();
    Dispatch({"DBSIZE"});
    EXPECT_EQ(Asked(), (std::vector<size_t>{2}));
    Eject(2);
    Dispatch({"DBSIZE"});
    EXPECT_EQ(Asked(), (std::vector<size_t>{}));
    EXPECT_EQ(TakeReplies(), Words{kDown});
  }
}

}  // namespace
}  // namespace ringproxy::proxy
