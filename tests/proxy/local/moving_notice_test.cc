#include "proxy/local/moving_notice.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "tests/support/fake_loop.h"
#include "tests/support/test_view.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

class MovingNoticeTest : public testing::Test {
 protected:
  MovingNoticeTest() {
    client_.flavour.protocol = 3;
    client_.moving_news = MovingNews::kWithEndpoint;
  }
  // Empty: it is not told now.
  std::string Push() const { return When() == MovingTold::kNow ? MovingPush(notice_, client_) : std::string(); }
  MovingTold When() const { return WhenTold(notice_, facts_); }

  MovingNotice notice_{.number = 17, .time = 15s, .endpoint = "proxy-2.example:6380"};
  ClientState client_ = TestClient();
  test::FakeLoop loop_;
  struct Nobody final : net::StreamObserver {
    void OnConnected(int) override {}
    void OnReadable() override {}
    void OnWritable() override {}
  } nobody_;
  std::unique_ptr<net::Stream> stream_ = loop_.NewStream(nobody_);
  ClientFacts facts_{.client = client_, .listener = 0, .stream = *stream_};
};

TEST_F(MovingNoticeTest, SaysWhereToGoAndHowLongThereIsTime) {
  EXPECT_EQ(Push(), ">4\r\n$6\r\nMOVING\r\n:17\r\n:15\r\n$20\r\nproxy-2.example:6380\r\n");
}

TEST_F(MovingNoticeTest, HasNoEndpointForThoseWhoWishNone) {
  client_.moving_news = MovingNews::kBare;
  EXPECT_EQ(Push(), ">4\r\n$6\r\nMOVING\r\n:17\r\n:15\r\n_\r\n");
  notice_.endpoint.clear();
  EXPECT_EQ(Push(), ">4\r\n$6\r\nMOVING\r\n:17\r\n:15\r\n_\r\n");
}

// A node-redis that reads a null without having asked for it ends its process.
TEST_F(MovingNoticeTest, IsNotForThoseWhoWishAnEndpointWhereThereIsNone) {
  notice_.endpoint.clear();
  EXPECT_EQ(Push(), "");
}

TEST_F(MovingNoticeTest, IsNotForAnAddressOfTcpOverAUnixSocket) {
  client_.ip = {};
  EXPECT_EQ(Push(), "");
  client_.moving_news = MovingNews::kBare;
  EXPECT_NE(Push(), "");
}

TEST_F(MovingNoticeTest, IsForClientsAloneThatHaveAskedAndCanReadIt) {
  client_.flavour.protocol = 2;
  EXPECT_EQ(Push(), "");
  client_.flavour.protocol = 3;
  facts_.is_leaving = true;
  EXPECT_EQ(Push(), "");
  facts_.is_leaving = false;
  client_.moving_news = MovingNews::kUnwanted;
  EXPECT_EQ(Push(), "");
}

// What node-redis 5.12 and 6 lose when they move, silently, though not when they are disconnected.
TEST_F(MovingNoticeTest, IsNotForConnectionsThatTheNextOneWouldNotEqual) {
  struct Row {
    const char* what;
    MovingTold when;
    std::function<void(ClientState&, ClientFacts&)> make;
  };
  const Row rows[] = {
      {"nothing", MovingTold::kNow, [](ClientState&, ClientFacts&) {}},
      {"has a name", MovingTold::kNow,
       [](ClientState& client, ClientFacts&) { client.labels = std::make_unique<ClientLabels>(); }},
      {"NO-EVICT, NO-TOUCH", MovingTold::kNow,
       [](ClientState& client, ClientFacts&) { client.no_evict = client.no_touch = true; }},
      {"has begun in database 2", MovingTold::kNow,
       [](ClientState& client, ClientFacts&) { client.flavour.database = 2; }},
      {"is held by a pause", MovingTold::kNow, [](ClientState&, ClientFacts& facts) { facts.is_held = true; }},
      {"MULTI", MovingTold::kLater,
       [](ClientState& client, ClientFacts&) { client.transaction = std::make_unique<Transaction>(); }},
      {"WATCH", MovingTold::kLater, [](ClientState& client, ClientFacts&) { client.flavour.is_pinned = true; }},
      {"SELECT under way", MovingTold::kLater, [](ClientState&, ClientFacts& facts) { facts.may_change = true; }},
      {"SELECT", MovingTold::kNever, [](ClientState& client, ClientFacts&) { EnterDatabase(3, &client); }},
      {"SUBSCRIBE", MovingTold::kNever, [](ClientState& client, ClientFacts&) { client.refused.NoteListens(true); }},
      {"MONITOR", MovingTold::kNever, [](ClientState& client, ClientFacts&) { client.refused.NoteMonitors(); }},
      {"CLIENT REPLY OFF", MovingTold::kNever,
       [](ClientState& client, ClientFacts&) { client.reply_mode = ReplyMode::kOff; }},
      {"BLPOP", MovingTold::kNever, [](ClientState&, ClientFacts& facts) { facts.waits = true; }},
      {"SUBSCRIBE, then MULTI", MovingTold::kNever,
       [](ClientState& client, ClientFacts&) {
         client.refused.NoteListens(true);
         client.transaction = std::make_unique<Transaction>();
       }},
  };
  for (const Row& row : rows) {
    for (const MovingNews news : {MovingNews::kBare, MovingNews::kWithEndpoint}) {
      ClientState client = TestClient();
      client.flavour.protocol = 3;
      client.moving_news = news;
      ClientFacts facts{.client = client, .listener = 0, .stream = *stream_};
      row.make(client, facts);
      EXPECT_EQ(WhenTold(notice_, facts), row.when) << row.what;
    }
  }
}

TEST_F(MovingNoticeTest, TellsWholeSecondsAndAtLeastOne) {
  notice_.endpoint = "a:1";
  for (const auto& [time, told] : {std::pair(0ms, ":1"), {999ms, ":1"}, {2999ms, ":2"}, {3'600'000ms, ":3600"}}) {
    notice_.time = time;
    EXPECT_EQ(Push(), std::string(">4\r\n$6\r\nMOVING\r\n:17\r\n") + told + "\r\n$3\r\na:1\r\n");
  }
}

TEST_F(MovingNoticeTest, LeavesTimeForTheLastReplies) {
  EXPECT_EQ(notice_.service_time(), 14s);
  notice_.time = 5s;
  EXPECT_EQ(notice_.service_time(), 4500ms);
  notice_.time = 0s;
  EXPECT_EQ(notice_.service_time(), 0s);
}

}  // namespace
}  // namespace ringproxy::proxy
