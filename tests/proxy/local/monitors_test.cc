#include "proxy/local/monitors.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/fake_loop.h"
#include "tests/support/test_request.h"

namespace ringproxy::proxy {
namespace {

class MonitorsTest : public testing::Test, private MessageSink, private backends::ReplySink {
 protected:
  void OnMessage(uint32_t, const ChannelMessage&) override {}
  void OnLines(uint32_t session, std::string_view lines) override { lines_[session].append(lines); }
  void OnGap(uint32_t session) override { gaps_.push_back(session); }
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override { replies_[ticket.owner] = reply.bytes(); }
  void OnFailure(backends::Ticket, const wire::Failure&) override {}

  void Make(MonitorPosts posts = {}) {
    monitors_.emplace(loop_, static_cast<backends::ReplySink&>(*this), static_cast<MessageSink&>(*this),
                      std::move(posts), [this](bool follows) { follows_ = follows; });
  }
  bool Start(uint32_t session, uint32_t one_in = 1) { return monitors_->Start(session, one_in, {.owner = session}); }
  void Get(int times = 1) {
    const test::TestRequest request{"GET", "k"};
    for (int i = 0; i < times; ++i) monitors_->Tell(*wire::FindRedisCommand("get"), request, client_);
  }
  // Lines that have come for it since it was last asked.
  long Count(uint32_t session) {
    loop_.Advance(std::chrono::milliseconds(1));
    return std::ranges::count(std::exchange(lines_[session], {}), '\n');
  }

  test::FakeLoop loop_;
  std::optional<Monitors> monitors_;
  const ClientState client_ = NewClient(1, "127.0.0.1:5");
  std::map<uint32_t, std::string> lines_;
  std::map<uint32_t, std::string> replies_;
  std::vector<uint32_t> gaps_;
  bool follows_ = false;
};

TEST_F(MonitorsTest, ClientsAreFollowedWhileAnybodyMonitors) {
  Make();
  EXPECT_FALSE(follows_);
  EXPECT_TRUE(Start(1) && Start(2));
  EXPECT_EQ(replies_[1], "+OK\r\n");
  EXPECT_TRUE(follows_);
  Get(3);
  EXPECT_EQ(Count(1), 3);
  EXPECT_EQ(Count(2), 3);
  monitors_->End(1);
  EXPECT_TRUE(follows_);
  Get();
  EXPECT_EQ(Count(1), 0);
  EXPECT_EQ(Count(2), 1);
  monitors_->End(2);
  EXPECT_FALSE(follows_);
}

TEST_F(MonitorsTest, EachReadsItsShare) {
  Make();
  Start(1, 10);
  Get(100);
  EXPECT_EQ(Count(1), 10);
  Start(2, 1);
  Start(3, 4);
  Get(100);
  EXPECT_EQ(Count(1), 10);
  EXPECT_EQ(Count(2), 100);
  EXPECT_EQ(Count(3), 25);
}

TEST_F(MonitorsTest, ThereAreNoMoreThanMayBe) {
  Make();
  for (uint32_t session = 1; session <= Monitors::kMost; ++session) EXPECT_TRUE(Start(session));
  EXPECT_FALSE(Start(9));
  EXPECT_EQ(replies_[9], "-ERR max number of monitors reached\r\n");
  EXPECT_TRUE(Start(1)) << "it monitors already";
  EXPECT_FALSE(Start(1, 0));
  EXPECT_EQ(replies_[1], "-ERR syntax error\r\n");
  monitors_->End(9);
  monitors_->End(2);
  EXPECT_TRUE(Start(9));
}

TEST_F(MonitorsTest, OneIsAnsweredWhenAllWorkersFollow) {
  std::vector<uint32_t> watched;
  Make({.watch = [&](uint32_t one_in) { watched.push_back(one_in); }});
  Start(1, 7);
  EXPECT_EQ(watched, std::vector<uint32_t>{7});
  EXPECT_EQ(replies_[1], "");
  monitors_->OnWatched(7);
  EXPECT_EQ(replies_[1], "");
  // What another one reads meanwhile would be taken for its reply.
  Get();
  EXPECT_EQ(Count(1), 0);
  monitors_->OnConfirmed();
  EXPECT_EQ(replies_[1], "+OK\r\n");
  Get(7);
  EXPECT_EQ(Count(1), 1);
}

TEST_F(MonitorsTest, WhoeverWouldMissLinesIsDisconnected) {
  std::vector<std::shared_ptr<const MonitorLines>> posted;
  Make({.lines = [&](std::shared_ptr<const MonitorLines> lines) { posted.push_back(std::move(lines)); }});
  Start(1);
  // Nobody takes them.
  while (posted.empty() || !posted.back()->has_gap()) {
    Get(1000);
    loop_.Advance(std::chrono::milliseconds(1));
  }
  size_t bytes = 0;
  for (const auto& lines : posted) bytes += lines->text().size();
  EXPECT_LE(bytes, Monitors::kMostUnderWay + 1000);
  EXPECT_GT(bytes, Monitors::kMostUnderWay - 1000);
  monitors_->OnLines(*posted.back());
  EXPECT_EQ(gaps_, std::vector<uint32_t>{1});
  posted.clear();
  Get();
  loop_.Advance(std::chrono::milliseconds(1));
  EXPECT_FALSE(posted.back()->has_gap());
  EXPECT_FALSE(posted.back()->text().empty());
}

}  // namespace
}  // namespace ringproxy::proxy
