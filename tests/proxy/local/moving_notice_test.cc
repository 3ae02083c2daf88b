#include "proxy/local/moving_notice.h"

#include <gtest/gtest.h>

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
  std::string Push() const { return MovingPush(notice_, facts_); }

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
