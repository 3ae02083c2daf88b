#include "backends/link/link_group.h"

#include "tests/backends/link/flavours_fixture.h"

namespace ringproxy::backends {
namespace {

using LinkGroupTest = FlavoursTest;

TEST_F(LinkGroupTest, TakesAnotherFlavourOnceItIsClosed) {
  Start();
  NodeSettings settings = SettingsOf(pool_conf_, pool_conf_.nodes[0]);
  NodeStats stats;
  PushCounter pushes(stats);
  NodeGuard guard(
      {.io = io_,
       .settings = settings,
       .verdict = health_.records[0]->verdict(),
       .stats = stats,
       .observer = health_.observer,
       .node = health_.records[0]},
      [] {}, [] {});
  LinkGroup group({io_, settings, flush_list_, stats, pushes}, guard, recorder_, 1);
  EXPECT_TRUE(group.is_closed());
  EXPECT_FALSE(group.AnyAccepts());
  group.Open(kResp3Flavour);
  EXPECT_TRUE(group.AnyAccepts());
  EXPECT_EQ(group.AnyReady(), nullptr);
  GreetNewest(kResp3Flavour);
  EXPECT_EQ(group.AnyReady(), group.connections().front().get());
  group.Send(0, std::string_view("1;"), {0, 0, 1, Ticket::Kind::kSession}, wire::Work::kPlain);
  EXPECT_EQ(group.in_flight(), 1U);
  FlushAll();
  group.Drain();
  EXPECT_FALSE(group.is_closed());
  loop_.last_socket().Receive("+1\r\n");
  EXPECT_TRUE(group.is_closed());
  EXPECT_TRUE(loop_.last_socket().closed());
  group.Open(Database(4));
  loop_.last_socket().observer->OnConnected(0);
  EXPECT_EQ(loop_.last_socket().TakeWritten(), "*2\r\n$6\r\nSELECT\r\n$1\r\n4\r\n*1\r\n$4\r\nPING\r\n");
}

}  // namespace
}  // namespace ringproxy::backends
