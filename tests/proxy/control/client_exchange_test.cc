#include "proxy/control/client_exchange.h"

#include <deque>

#include "tests/proxy/control/worker_fixture.h"

namespace ringproxy::proxy {
namespace {

// A worker that stands for all three, and the control loop, as boxes that are emptied by hand.
class ClientExchangeTest : public WorkerFixture {
 protected:
  void RunControl() {
    while (!control_.empty()) {
      const auto work = std::move(control_.front());
      control_.pop_front();
      work();
    }
  }
  void RunWorker(uint32_t worker) {
    for (const auto& word : std::exchange(boxes_[worker], {})) word(worker_->clients());
  }
  static SharedQuestion Question() { return std::make_shared<ClientQuestion>(); }

  std::deque<std::function<void()>> control_;
  std::vector<ClientExchange::ClientWord> boxes_[3];
  ClientExchange exchange_{3,
                           [this](uint32_t worker, ClientExchange::ClientWord word) { boxes_[worker].push_back(word); },
                           [this](std::function<void()> work) { control_.push_back(std::move(work)); }};
};

TEST_F(ClientExchangeTest, EveryWorkerIsAskedAndTheAskerHearsOfEach) {
  Start();
  const ClientPosts posts = exchange_.For(1);
  EXPECT_EQ(posts.workers, 3U);
  posts.ask(Question(), 7);
  EXPECT_TRUE(boxes_[0].empty());
  RunControl();
  for (const auto& box : boxes_) EXPECT_EQ(box.size(), 1U);
  RunWorker(0);
  RunWorker(2);
  RunControl();
  EXPECT_TRUE(boxes_[0].empty());
  EXPECT_TRUE(boxes_[2].empty());
  EXPECT_EQ(boxes_[1].size(), 3U);  // Its own question is still unread.
}

TEST_F(ClientExchangeTest, QuestionsComeToEveryWorkerInOneOrder) {
  Start();
  exchange_.For(0).ask(Question(), 1);
  exchange_.For(2).ask(Question(), 1);
  RunControl();
  for (const uint32_t worker : {0, 1, 2}) RunWorker(worker);
  RunControl();
  EXPECT_EQ(boxes_[0].size(), 3U);
  EXPECT_EQ(boxes_[2].size(), 3U);
  EXPECT_TRUE(boxes_[1].empty());
  // Nobody has asked anything that is still under way.
  RunWorker(0);
  RunWorker(2);
}

TEST_F(ClientExchangeTest, AClientsQuestionComesBackAsItsReply) {
  client_posts_ = exchange_.For(0);
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"CLIENT", "UNBLOCK", "9"}));
  for (int i = 0; i < 2; ++i) {
    RunControl();
    for (const uint32_t worker : {0, 1, 2}) RunWorker(worker);
  }
  RunControl();
  RunWorker(0);
  Settle();
  EXPECT_EQ(client.TakeWritten(), ":0\r\n");
}

}  // namespace
}  // namespace ringproxy::proxy
