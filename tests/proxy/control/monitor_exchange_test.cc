#include "proxy/control/monitor_exchange.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <utility>

#include "tests/support/fake_loop.h"
#include "tests/support/test_request.h"

namespace ringproxy::proxy {
namespace {

// Workers and the control loop as boxes that are emptied by hand.
class MonitorExchangeTest : public testing::Test, private MessageSink, private backends::ReplySink {
 protected:
  MonitorExchangeTest() {
    for (uint32_t i = 0; i < 3; ++i) {
      workers_.push_back(std::make_unique<Monitors>(loop_, static_cast<backends::ReplySink&>(*this),
                                                    static_cast<MessageSink&>(*this), exchange_.For(i),
                                                    [this, i](bool follows) { follows_[i] = follows; }));
    }
  }
  void OnMessage(uint32_t, const ChannelMessage&) override {}
  void OnLines(uint32_t session, std::string_view lines) override { lines_[session].append(lines); }
  void OnGap(uint32_t) override {}
  void OnReply(backends::Ticket ticket, backends::Reply&&) override { ++replies_[ticket.owner]; }
  void OnFailure(backends::Ticket, const wire::Failure&) override {}

  void RunControl() {
    while (!control_.empty()) {
      const auto work = std::move(control_.front());
      control_.pop_front();
      work();
    }
  }
  void RunWorker(uint32_t worker) {
    for (const auto& word : std::exchange(boxes_[worker], {})) word(*workers_[worker]);
  }
  void RunAll() {
    for (int i = 0; i < 3; ++i) {
      RunControl();
      for (uint32_t worker = 0; worker < 3; ++worker) RunWorker(worker);
    }
  }
  void Get(uint32_t worker) {
    workers_[worker]->Tell(*wire::FindRedisCommand("get"), test::TestRequest{"GET", std::to_string(worker)}, client_);
  }

  test::FakeLoop loop_;
  std::deque<std::function<void()>> control_;
  std::vector<MonitorExchange::MonitorWord> boxes_[3];
  MonitorExchange exchange_{
      3, [this](uint32_t worker, MonitorExchange::MonitorWord word) { boxes_[worker].push_back(std::move(word)); },
      [this](std::function<void()> work) { control_.push_back(std::move(work)); }};
  std::vector<std::unique_ptr<Monitors>> workers_;
  const ClientState client_ = NewClient(1, "127.0.0.1:5");
  std::map<uint32_t, std::string> lines_;
  std::map<uint32_t, int> replies_;
  std::array<bool, 3> follows_{};
};

TEST_F(MonitorExchangeTest, OneIsAnsweredWhenEveryWorkerFollowsItsClients) {
  workers_[1]->Start(7, 1, {.owner = 7});
  RunControl();
  for (const uint32_t worker : {0, 1}) RunWorker(worker);
  RunControl();
  RunWorker(1);
  EXPECT_EQ(replies_[7], 0);
  RunWorker(2);
  RunControl();
  RunWorker(1);
  EXPECT_EQ(replies_[7], 1);
  EXPECT_EQ(follows_, (std::array<bool, 3>{true, true, true}));
  workers_[1]->End(7);
  RunAll();
  EXPECT_EQ(follows_, (std::array<bool, 3>{}));
}

TEST_F(MonitorExchangeTest, LinesOfAllWorkersReachThoseThatHaveMonitors) {
  workers_[0]->Start(1, 1, {.owner = 1});
  workers_[2]->Start(2, 1, {.owner = 2});
  RunAll();
  for (const uint32_t worker : {0, 1, 2}) Get(worker);
  loop_.Advance(std::chrono::milliseconds(1));
  RunControl();
  EXPECT_TRUE(boxes_[1].empty());
  RunAll();
  for (const uint32_t session : {1, 2}) EXPECT_EQ(std::ranges::count(lines_[session], '\n'), 3) << session;
}

TEST_F(MonitorExchangeTest, AsManyCommandsAreWrittenDownAsTheMostCuriousReads) {
  workers_[0]->Start(1, 10, {.owner = 1});
  workers_[1]->Start(2, 5, {.owner = 2});
  RunAll();
  for (int i = 0; i < 100; ++i) Get(2);
  workers_[1]->End(2);
  RunAll();
  loop_.Advance(std::chrono::milliseconds(1));
  RunAll();
  EXPECT_EQ(std::ranges::count(lines_[1], '\n'), 20) << "what was written down for the other comes late";
  lines_.clear();
  for (int i = 0; i < 100; ++i) Get(2);
  loop_.Advance(std::chrono::milliseconds(1));
  RunAll();
  EXPECT_EQ(std::ranges::count(lines_[1], '\n'), 10);
}

}  // namespace
}  // namespace ringproxy::proxy
