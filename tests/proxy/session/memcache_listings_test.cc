// Clients that list what memcached nodes hold, around a whole worker.
#include "proxy/state/listings.h"
#include "tests/proxy/control/worker_fixture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

class ListingsTest : public WorkerFixture {
 protected:
  static constexpr std::string_view kDump = "lru_crawler metadump all\r\n";

  void Ask(test::FakeSocket& client, std::string_view requests) {
    client.Receive(std::string(requests));
    Settle();
  }
  void Say(test::FakeSocket& node, const std::string& lines) {
    node.Receive(lines);
    Settle();
  }
  // The connection to a node that was opened last, once it has been asked.
  test::FakeSocket& Asked(std::string_view request = kDump) {
    test::FakeSocket& node = loop_.last_socket();
    node.observer->OnConnected(0);
    EXPECT_EQ(node.TakeWritten(), "mn\r\n");
    Say(node, "MN\r\n");
    EXPECT_EQ(node.TakeWritten(), request);
    return node;
  }
  std::string Tagged(uint64_t token, uint32_t node) const {
    return std::to_string(token ^ snapshot_->pools[0].cas_tags[node]);
  }
};

TEST_F(ListingsTest, BringsTheLinesOfOneNodeAfterTheOtherWithOneEnd) {
  Start(TwoMemcachedNodes());
  test::FakeSocket& client = NewClient();
  Ask(client, std::string(kDump) + "mn\r\n");
  test::FakeSocket& first = Asked();
  EXPECT_EQ(first.endpoint.host, "10.0.0.1");
  Say(first, "key=a exp=-1 la=1 cas=5 fetch=no cls=1 size=63\n");
  // It leaves as it comes, with a token that the client can use.
  EXPECT_EQ(client.TakeWritten(), "key=a exp=-1 la=1 cas=" + Tagged(5, 0) + " fetch=no cls=1 size=63\n");
  Say(first, "key=b cas=6\nEND\r\n");
  EXPECT_TRUE(first.closed());
  test::FakeSocket& second = Asked();
  EXPECT_EQ(second.endpoint.host, "10.0.0.2");
  Say(second, "key=c cas=7\nEND\r\n");
  EXPECT_EQ(client.TakeWritten(), "key=b cas=" + Tagged(6, 0) + "\nkey=c cas=" + Tagged(7, 1) + "\nEND\r\nMN\r\n");
  loop_.Advance(1s);
}

TEST_F(ListingsTest, WaitsForWhatTheClientHasAskedBefore) {
  Start(TwoMemcachedNodes());
  test::FakeSocket& client = NewClient();
  const size_t sockets = loop_.sockets();
  Ask(client, "get " + KeyOf(0) + "\r\n" + std::string(kDump));
  EXPECT_EQ(loop_.sockets(), sockets);
  Say(Node(0), "END\r\n");
  EXPECT_EQ(client.TakeWritten(), "END\r\n");
  Say(Asked(), "END\r\n");
  Say(Asked(), "END\r\n");
  EXPECT_EQ(client.TakeWritten(), "END\r\n");
}

TEST_F(ListingsTest, EndsWithTheErrorOfTheNodeThatFails) {
  Start(TwoMemcachedNodes());
  test::FakeSocket& client = NewClient();
  Ask(client, kDump);
  Say(Asked(), "key=a\nEND\r\n");
  loop_.last_socket().observer->OnConnected(ECONNREFUSED);
  Settle();
  EXPECT_EQ(client.TakeWritten(), "key=a\nSERVER_ERROR node down (node r1)\r\n");
  Ask(client, kDump);
  Say(Asked(), "BUSY currently processing crawler request\r\n");
  EXPECT_EQ(client.TakeWritten(), "BUSY currently processing crawler request (node r0)\r\n");
  // What is wrong with the request itself reads as of one server.
  Ask(client, "lru_crawler metadump x\r\n");
  Say(Asked("lru_crawler metadump x\r\n"), "BADCLASS invalid class id\r\n");
  EXPECT_EQ(client.TakeWritten(), "BADCLASS invalid class id\r\n");
  // Of several releases, the second does not know it.
  Ask(client, kDump);
  Say(Asked(), "key=a\nEND\r\n");
  Say(Asked(), "ERROR\r\n");
  EXPECT_EQ(client.TakeWritten(), "key=a\nERROR (node r1)\r\n");
}

TEST_F(ListingsTest, ListsNothingWhileANodeIsKnownToBeDown) {
  Start(TwoMemcachedNodes());
  Node(1).ReceiveEnd();
  Settle();
  test::FakeSocket& client = NewClient();
  Ask(client, kDump);
  EXPECT_EQ(client.TakeWritten(), "SERVER_ERROR node down\r\n");
}

TEST_F(ListingsTest, PassesOverNodesThatHoldNothing) {
  Start(TwoMemcachedNodes());
  test::FakeSocket& client = NewClient();
  Ask(client, "lru_crawler mgdump all\r\n");
  Say(Asked("lru_crawler mgdump all\r\n"), "NOTSTARTED no items to crawl\r\n");
  Say(Asked("lru_crawler mgdump all\r\n"), "mg a\r\nEN\r\n");
  EXPECT_EQ(client.TakeWritten(), "mg a\r\nEN\r\n");
  Ask(client, "lru_crawler mgdump all\r\n");
  for (int i = 0; i < 2; ++i) Say(Asked("lru_crawler mgdump all\r\n"), "NOTSTARTED no items to crawl\r\n");
  EXPECT_EQ(client.TakeWritten(), "NOTSTARTED no items to crawl\r\n");
}

// As servers from 1.6.43 on have it.
TEST_F(ListingsTest, SaysOkOnceBeforeTheListWhereTheFirstNodeDoes) {
  Start(TwoMemcachedNodes());
  test::FakeSocket& client = NewClient();
  Ask(client, kDump);
  Say(Asked(), "OK\r\nkey=a\nEND\r\n");
  Say(Asked(), "OK\r\n");
  Say(loop_.last_socket(), "key=b\nEND\r\n");
  EXPECT_EQ(client.TakeWritten(), "OK\r\nkey=a\nkey=b\nEND\r\n");
}

TEST_F(ListingsTest, AddsUpWhatNodesCountByPrefix) {
  Start(TwoMemcachedNodes());
  test::FakeSocket& client = NewClient();
  Ask(client, "stats detail dump\r\n");
  Say(Asked("stats detail dump\r\n"), "PREFIX a get 1 hit 1 set 0 del 0\r\nEND\r\n");
  Say(Asked("stats detail dump\r\n"),
      "PREFIX a get 2 hit 0 set 1 del 0\r\nPREFIX b get 1 hit 1 set 1 del 1\r\nEND\r\n");
  EXPECT_EQ(client.TakeWritten(), "PREFIX a get 3 hit 1 set 1 del 0\r\nPREFIX b get 1 hit 1 set 1 del 1\r\nEND\r\n");
}

TEST_F(ListingsTest, ReadsTheNodeNoFasterThanTheClientReadsAndGivesUpOneThatDoesNot) {
  Start(TwoMemcachedNodes());
  test::FakeSocket& client = NewClient();
  Ask(client, kDump);
  test::FakeSocket& node = Asked();
  client.room = 0;
  std::string list;
  while (list.size() < (1 << 20)) list += "key=" + std::string(60, 'k') + "\n";
  Say(node, list);
  EXPECT_FALSE(node.watches_reads);
  EXPECT_GT(node.incoming.size(), list.size() - (64 << 10));
  for (int i = 0; i < 50; ++i) loop_.Advance(1s);
  EXPECT_FALSE(client.closed());
  // It reads on, slowly, and all of it arrives.
  std::string read;
  while (!node.incoming.empty() || client.watches_writes) {
    client.room = 10'000;
    if (client.observer != nullptr) client.observer->OnWritable();
    Settle();
    read += client.TakeWritten();
    node.Receive("");
    Settle();
    ASSERT_FALSE(client.closed());
  }
  client.room = SIZE_MAX;
  EXPECT_EQ(read, list);
  client.room = 0;
  Say(node, list);
  EXPECT_FALSE(client.closed());
  for (int i = 0; i < 61; ++i) loop_.Advance(1s);
  Settle();
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(node.closed());
}

TEST_F(ListingsTest, EndsWithItsClient) {
  Start(TwoMemcachedNodes());
  test::FakeSocket& client = NewClient();
  Ask(client, kDump);
  test::FakeSocket& node = Asked();
  worker_->Drain({}, {});
  client.error = EPIPE;
  Say(node, "key=a\n");
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(node.closed());
}

TEST_F(ListingsTest, AreBounded) {
  Start(TwoMemcachedNodes());
  for (size_t i = 0; i < Listings::kMost; ++i) Ask(NewClient(), kDump);
  test::FakeSocket& client = NewClient();
  Ask(client, kDump);
  EXPECT_EQ(client.TakeWritten(), "BUSY too many lists are under way\r\n");
}

}  // namespace
}  // namespace ringproxy::proxy
