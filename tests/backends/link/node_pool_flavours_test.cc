// What befalls the links of all flavours of a node at once, and what a node may refuse of one.
#include "tests/backends/link/flavours_fixture.h"

namespace ringproxy::backends {
namespace {

using NodePoolFlavoursTest = FlavoursTest;

TEST_F(NodePoolFlavoursTest, FailsInTheNodesWordsWhatWaitsForAFlavourThatItRefuses) {
  Start();
  SendIn(Database(99), 1);
  SendIn(Database(99), 2);
  std::vector<std::string> words;
  recorder_.on_text = [&](const wire::Failure& failure) { wire::AppendRedisError(failure, &words.emplace_back()); };
  loop_.last_socket().observer->OnConnected(0);
  loop_.last_socket().TakeWritten();
  loop_.last_socket().Receive("-ERR DB index is out of range\r\n+PONG\r\n");
  FlushAll();
  EXPECT_EQ(loop_.last_socket().written, "");
  EXPECT_TRUE(loop_.last_socket().closed());
  SendIn(Database(99), 3);  // While it backs off.
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, "flavour_refused"}, {2, "flavour_refused"}, {3, "flavour_refused"}}));
  EXPECT_EQ(words, std::vector<std::string>(3, "-ERR DB index is out of range\r\n"));
}

TEST_F(NodePoolFlavoursTest, TakesARefusedFlavourForNoIllnessOfTheNode) {
  Start();
  for (uint32_t slot = 0; slot < 50; ++slot) {
    SendIn(kResp3Flavour, slot);
    if (loop_.last_socket().closed() || loop_.sockets() == 1) {
      loop_.Advance(10ms);
      continue;
    }
    if (loop_.last_socket().observer != nullptr) loop_.last_socket().observer->OnConnected(0);
    loop_.last_socket().Receive("-NOPROTO unsupported protocol version\r\n");
  }
  EXPECT_TRUE(Admits(0, kWrite));
  const NodeStats& stats = health_.stats(0);
  EXPECT_EQ(stats.failures.value() + stats.connect_failures.value() + stats.overloads.value(), 0U);
  EXPECT_EQ(stats.requests.value(), 50U);
  EXPECT_TRUE(health_.observer.news.empty());
  EXPECT_EQ(ReadyLinks(), 1U);
  EXPECT_FALSE(loop_.socket(0).closed());
  // It backs off: one attempt after another, and not one a request.
  EXPECT_LT(loop_.sockets(), 12U);
}

TEST_F(NodePoolFlavoursTest, ServesAFlavourOnceTheNodeTakesIt) {
  Start();
  SendIn(kResp3Flavour, 1);
  loop_.last_socket().observer->OnConnected(0);
  loop_.last_socket().Receive("-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n");
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, "flavour_refused"}}));
  const size_t sockets = loop_.sockets();
  for (int ms = 0; ms < 5000 && loop_.sockets() == sockets; ++ms) loop_.Advance(1ms);
  ASSERT_EQ(loop_.sockets(), sockets + 1);
  SendIn(kResp3Flavour, 2);  // Nobody waits for an attempt that follows a failed one.
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{2, "flavour_refused"}}));
  GreetNewest(kResp3Flavour);
  SendIn(kResp3Flavour, 3);
  FlushAll();
  EXPECT_EQ(loop_.last_socket().TakeWritten(), "3;");
}

TEST_F(NodePoolFlavoursTest, FailsAsAnyLinkWhereTheNodeCannotBeReached) {
  Start();
  SendIn(kResp3Flavour, 1);
  loop_.last_socket().observer->OnConnected(ECONNREFUSED);
  SendIn(kResp3Flavour, 2);
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, "node_down"}, {2, "node_down"}}));
  EXPECT_EQ(health_.stats(0).connect_failures.value(), 1U);
  EXPECT_TRUE(Admits(0, kWrite));  // Its plain link is fine.
}

TEST_F(NodePoolFlavoursTest, LetsRequestsWaitForTheRateOfNewConnections) {
  pool_conf_.reconnect.rate = {2, 1s};
  Start();
  const size_t sockets = loop_.sockets();
  SendIn(kResp3Flavour, 1);
  EXPECT_EQ(loop_.sockets(), sockets);
  EXPECT_EQ(TakeOutcomes(), Outcomes{});
  for (int ms = 0; ms < 3000 && loop_.sockets() == sockets && TakeOutcomes().empty(); ++ms) loop_.Advance(1ms);
  SendIn(kResp3Flavour, 2);
  test::FakeSocket& link = GreetNewest(kResp3Flavour);
  EXPECT_TRUE(link.TakeWritten().ends_with("2;"));
}

// The further links of those before it use up the rate.
TEST_F(NodePoolFlavoursTest, WaitsForTheFirstLinkOfAFlavourNoLongerThanTheRateSays) {
  pool_conf_.reconnect.rate = {10, 1s};
  Start(8);
  size_t greeted = loop_.sockets();
  const auto answer_all = [&] {
    for (; greeted < loop_.sockets(); ++greeted) Greet(loop_.socket(greeted), Database(1));
    for (size_t i = 8; i < greeted; ++i) {
      if (!loop_.socket(i).TakeWritten().empty()) loop_.socket(i).Receive("+done\r\n");
    }
  };
  for (uint16_t database = 1; database <= 7; ++database) {
    SendIn(Database(database), database, 5U * database);
    auto waited = 0ms;
    for (answer_all(); TakeOutcomes().empty() && waited < 1s; answer_all(), ++waited) loop_.Advance(1ms);
    EXPECT_LE(waited, 130ms) << database;
  }
}

TEST_F(NodePoolFlavoursTest, CountsAndDropsPushesBetweenReplies) {
  Start();
  test::FakeSocket& link = Open(kResp3Flavour);
  SendIn(kResp3Flavour, 1);
  SendIn(kResp3Flavour, 2);
  FlushAll();
  const std::string push = ">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n";
  link.Receive(push + ":1\r\n" + push + "*2\r\n:1\r\n" + push + ":2\r\n" + push);
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, ":1\r\n"}, {2, "*2\r\n:1\r\n:2\r\n"}}));
  link.Receive(push);  // Nothing is under way.
  EXPECT_FALSE(link.closed());
  loop_.socket(0).Receive(push);  // Nor is it on a plain link.
  EXPECT_FALSE(loop_.socket(0).closed());
  EXPECT_EQ(health_.stats(0).pushes.value(), 6U);
  link.Receive(":3\r\n");
  EXPECT_TRUE(link.closed());
}

TEST_F(NodePoolFlavoursTest, HearsPushesInAndRightBehindAGreeting) {
  Start();
  SendIn(kResp3Flavour, 1);
  loop_.last_socket().observer->OnConnected(0);
  loop_.last_socket().TakeWritten();
  loop_.last_socket().Receive(">1\r\n+x\r\n" + std::string(kHello3) + ">1\r\n+x\r\n+PONG\r\n>1\r\n+x\r\n>1\r\n+");
  loop_.last_socket().Receive("x\r\n");
  FlushAll();
  EXPECT_FALSE(loop_.last_socket().closed());
  EXPECT_EQ(loop_.last_socket().TakeWritten(), "1;");
  EXPECT_EQ(health_.stats(0).pushes.value(), 4U);
}

TEST_F(NodePoolFlavoursTest, DrainsAllFlavoursWhenTheNodeIsDisabledAndOpensNone) {
  Start();
  test::FakeSocket& busy = Open(Database(1));
  test::FakeSocket& idle = Open(Database(2));
  SendIn(Database(1), 1);
  FlushAll();
  pool_->Disable(*health_.records[0]);
  EXPECT_TRUE(idle.closed() && loop_.socket(0).closed());
  EXPECT_FALSE(busy.closed());
  const size_t sockets = loop_.sockets();
  SendIn(Database(1), 2);
  SendIn(Database(2), 3);
  SendIn(Database(3), 4);
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{2, "node_down"}, {3, "node_down"}, {4, "node_down"}}));
  busy.Receive("+1\r\n");
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, "+1\r\n"}}));
  EXPECT_TRUE(busy.closed());
  EXPECT_EQ(loop_.sockets(), sockets);
  EXPECT_EQ(ReadyLinks(), 0U);
  pool_->Enable(*health_.records[0]);
  Ready(loop_.last_socket());
  EXPECT_EQ(loop_.sockets(), sockets + 1);  // The plain one; the others come when they are needed.
  Open(Database(2));
  EXPECT_EQ(ReadyLinks(), 2U);
}

TEST_F(NodePoolFlavoursTest, OpensADrainingFlavourAnewBehindItsLastReply) {
  Start();
  test::FakeSocket& busy = Open(Database(1));
  SendIn(Database(1), 1);
  FlushAll();
  pool_->Disable(*health_.records[0]);
  pool_->Enable(*health_.records[0]);
  Ready(loop_.last_socket());
  // In front of the reply that is still to come a further request would be out of order elsewhere.
  SendIn(Database(1), 2);
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{2, "node_down"}}));
  busy.Receive("+1\r\n");
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, "+1\r\n"}}));
  SendIn(Database(1), 3);
  EXPECT_EQ(GreetNewest(Database(1)).TakeWritten(), "3;");
}

TEST_F(NodePoolFlavoursTest, KeepsFlavoursOverAReloadAndTakesANewCap) {
  Start();
  test::FakeSocket& first = Open(Database(1));
  test::FakeSocket& second = Open(Database(2));
  SendIn(Database(1), 1);
  pool_conf_.flavours_per_node = 1;
  LeavingNodes leaving;
  NodePool next(flavour_parts_, pool_conf_, *ring_, health_.records, &*pool_, &leaving);
  EXPECT_TRUE(leaving.empty());
  FlushAll();
  first.Receive("+1\r\n");
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, "+1\r\n"}}));
  EXPECT_FALSE(second.closed());
  next.Send(0, {0, Database(3)}, std::string_view("3;"), {0, 0, 3, Ticket::Kind::kSession});
  EXPECT_TRUE(first.closed() && second.closed());
  EXPECT_EQ(GreetNewest(Database(3)).TakeWritten(), "3;");
}

TEST_F(NodePoolFlavoursTest, ClosesAllFlavoursOfANodeThatLeaves) {
  Start();
  test::FakeSocket& busy = Open(Database(1));
  test::FakeSocket& idle = Open(kResp3Flavour);
  SendIn(Database(1), 1);
  FlushAll();
  pool_conf_.nodes[0].address.port = 77;
  LeavingNodes leaving;
  NodePool next(flavour_parts_, pool_conf_, *ring_, health_.records, &*pool_, &leaving);
  ASSERT_EQ(leaving.size(), 1U);
  EXPECT_TRUE(idle.closed());
  EXPECT_FALSE(leaving[0]->is_closed());
  EXPECT_EQ(leaving[0]->in_flight(), 1U);
  busy.Receive("+1\r\n");
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, "+1\r\n"}}));
  EXPECT_TRUE(leaving[0]->is_closed());
}

TEST_F(NodePoolFlavoursTest, KnowsTheReleasesOfItsNodes) {
  pool_conf_.nodes.push_back({"r1", {"10.0.0.1", 1, ""}, 1});
  pool_conf_.nodes.push_back({"r2", {"10.0.0.1", 2, ""}, 1});
  ring_ = conf::MakePoolRing(pool_conf_);
  pool_.emplace(flavour_parts_, pool_conf_, *ring_, health_.records);
  pool_->Connect();
  for (size_t i = 0; i < 3; ++i) Ready(loop_.socket(i));
  EXPECT_FALSE(pool_->LeastVersion().is_known());
  Open(kResp3Flavour);
  EXPECT_EQ(health_.records[0]->version().text(), "7.2.4");
  EXPECT_EQ(pool_->LeastVersion().text(), "7.2.4");
  health_.records[2]->SetVersion({6, 2, 0});
  EXPECT_EQ(pool_->LeastVersion().text(), "6.2.0");
  EXPECT_FALSE(health_.records[1]->version().is_known());
}

}  // namespace
}  // namespace ringproxy::backends
