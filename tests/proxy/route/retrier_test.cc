#include "proxy/route/retrier.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "tests/support/fake_loop.h"
#include "tests/support/health_fixture.h"
#include "tests/support/test_snapshot.h"

namespace ringproxy::proxy {
namespace {

using backends::Ticket;
using namespace std::chrono_literals;

// Remembers what became of each client's ticket, by its slot; those of the retrier go back to it.
class RetrierSink final : public backends::ReplySink {
 public:
  void OnReply(Ticket ticket, backends::Reply&& reply) override {
    if (ticket.kind == Ticket::Kind::kRetry) return retrier->OnReply(ticket, std::move(reply));
    answers.emplace_back(ticket.slot, reply.bytes());
  }
  void OnFailure(Ticket ticket, const wire::Failure& failure) override {
    if (ticket.kind == Ticket::Kind::kRetry) return retrier->OnFailure(ticket, failure);
    answers.emplace_back(ticket.slot, wire::ErrorName(failure.code));
  }

  Retrier* retrier = nullptr;
  std::vector<std::pair<uint32_t, std::string>> answers;
};

using Answers = std::vector<std::pair<uint32_t, std::string>>;

class RetrierTest : public testing::Test {
 protected:
  // Pools of three nodes whose connections are ready: node n of pool p is the socket first_socket + 3 * p + n.
  void Start(conf::Pool pool, size_t first_socket = 0, size_t pools = 1) {
    spdlog::set_level(spdlog::level::off);
    for (int i = 0; i < 3; ++i) pool.nodes.push_back({"r" + std::to_string(i), {"10.0.0.1", 1, ""}, 1});
    conf::Config config;
    for (size_t p = 0; p < pools; ++p) {
      config.pools.push_back(pool);
      config.pools.back().name = "pool" + std::to_string(p);
    }
    snapshot_ = MakeSnapshot(std::move(config));
    const backends::PoolNode::PoolNodeParts parts{io_, sink_, flush_list_, observer_, 0};
    held_ = std::make_unique<HeldSnapshot>(snapshot_, parts);
    for (size_t p = 0; p < pools; ++p) {
      held_->node_pools[p].Connect();
      for (size_t i = 0; i < 3; ++i) MakeReady(first_socket + 3 * p + i);
    }
    retrier_ = std::make_unique<Retrier>(io_, sink_, retry_stats_);
    retrier_->Adopt(*snapshot_);
    sink_.retrier = retrier_.get();
  }
  void MakeReady(size_t socket) {
    loop_.socket(socket).observer->OnConnected(0);
    loop_.socket(socket).Receive("+PONG\r\n");
    loop_.socket(socket).TakeWritten();
  }
  // To the owner of `hash_`.
  void Send(uint32_t slot, bool may_move = true, uint32_t pool = 0) {
    retrier_->Send(*held_, "read", {pool, owner(), 0, hash_, may_move}, Ticket{0, 0, slot, Ticket::Kind::kSession});
    Flush();
  }
  void Flush() {
    for (size_t i = 0; i < flush_list_.size(); ++i) flush_list_[i]->Flush();
    flush_list_.clear();
  }
  void Advance(net::Duration by) {
    loop_.Advance(by);
    Flush();
  }
  void SendOther(ring::NodeIndex node, size_t pool = 0) {
    held_->node_pools[pool].Send(node, 0, std::string_view("x"), Ticket{.kind = Ticket::Kind::kSession});
  }
  // Enough replies, of a millisecond, for the 95th percentile to be known.
  void Learn(size_t pool = 0, net::Duration latency = 1ms) {
    const size_t first = 3 * pool;
    for (size_t node = 0; node < 3; ++node) {
      for (int i = 0; i < 40; ++i) SendOther(static_cast<uint32_t>(node), pool);
      Flush();
    }
    Advance(latency);
    for (size_t node = 0; node < 3; ++node) {
      for (int i = 0; i < 40; ++i) loop_.socket(first + node).Receive("+x\r\n");
      loop_.socket(first + node).TakeWritten();
    }
    Advance(1s);
    // The second has to end by another reply.
    for (uint32_t node = 0; node < 3; ++node) SendOther(node, pool);
    Flush();
    for (size_t node = 0; node < 3; ++node) {
      loop_.socket(first + node).Receive("+x\r\n");
      loop_.socket(first + node).TakeWritten();
    }
    retrier_->Tick(*held_);
    sink_.answers.clear();
  }
  ring::NodeIndex owner() const { return snapshot_->pools[0].ring->Pick(hash_); }
  ring::NodeIndex second() const { return snapshot_->pools[0].ring->PickNth(hash_, 1); }
  test::FakeSocket& Socket(size_t node) { return loop_.socket(node); }

  static constexpr uint64_t hash_ = 0x123456789ABCDEF0;
  test::FakeLoop loop_;
  backends::WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  std::shared_ptr<const Snapshot> snapshot_;
  std::vector<RetryStats> retry_stats_ = std::vector<RetryStats>(2);
  test::RecordingObserver observer_;
  backends::FlushList flush_list_;
  RetrierSink sink_;
  std::unique_ptr<HeldSnapshot> held_;
  std::unique_ptr<Retrier> retrier_;
};

conf::Pool Retrying(uint32_t times) {
  conf::Pool pool;
  pool.retries.max = times;
  pool.timeouts = {.connect = 100ms, .request = 50ms, .total = 150ms};
  return pool;
}

conf::Pool Hedging() {
  conf::Pool pool;
  pool.hedging.budget = {1000};  // A single read may be hedged.
  pool.on_down.policy = conf::DownPolicy::kRehash;
  return pool;
}

TEST_F(RetrierTest, HandsAnAnswerOverAndForgetsTheRequest) {
  Start(Retrying(1));
  Send(7);
  EXPECT_EQ(Socket(owner()).TakeWritten(), "read");
  Socket(owner()).Receive("$1\r\nv\r\n");
  EXPECT_EQ(sink_.answers, (Answers{{7, "$1\r\nv\r\n"}}));
  EXPECT_EQ(retrier_->open(), 0U);
}

TEST_F(RetrierTest, SendsAReadOnceMoreWhenItsConnectionBreaks) {
  Start(Retrying(1));
  Send(7);
  Socket(owner()).ReceiveEnd();
  EXPECT_EQ(sink_.answers, Answers{});
  MakeReady(3);  // The new connection.
  Advance(2ms);
  EXPECT_EQ(Socket(3).TakeWritten(), "read");
  Socket(3).Receive("$1\r\nv\r\n");
  EXPECT_EQ(sink_.answers, (Answers{{7, "$1\r\nv\r\n"}}));
  EXPECT_EQ(retrier_->open(), 0U);
  EXPECT_EQ(retry_stats_[0].retries.value(), 1U);
}

TEST_F(RetrierTest, FailsAfterAsManyRetriesAsAreAllowed) {
  conf::Pool pool = Retrying(2);
  pool.timeouts.total = 1s;
  Start(pool);
  Send(7);
  for (int i = 0; i < 40; ++i) Advance(5ms);
  EXPECT_EQ(Socket(owner()).TakeWritten(), "readreadread");
  EXPECT_EQ(sink_.answers, (Answers{{7, "timeout"}}));
  EXPECT_EQ(retry_stats_[0].retries.value(), 2U);
}

TEST_F(RetrierTest, NeverWaitsLongerThanTheTotal) {
  Start(Retrying(10));
  Send(7);
  Advance(149ms);
  EXPECT_EQ(sink_.answers, Answers{});
  EXPECT_GE(retry_stats_[0].retries.value(), 2U);
  Advance(1ms);
  EXPECT_EQ(sink_.answers, (Answers{{7, "timeout"}}));
  // What comes now is nobody's.
  Socket(owner()).Receive("$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n");
  EXPECT_EQ(sink_.answers.size(), 1U);
  Advance(1s);
  EXPECT_EQ(sink_.answers.size(), 1U);
  EXPECT_EQ(retrier_->open(), 0U);
}

TEST_F(RetrierTest, RetriesNoMoreThanItsBudget) {
  conf::Pool pool = Retrying(1);
  pool.retries.budget = {100};
  pool.retries.least = {0};
  Start(pool);
  for (uint32_t slot = 0; slot < 50; ++slot) Send(slot);
  Socket(owner()).ReceiveEnd();
  EXPECT_EQ(retry_stats_[0].retries.value(), 5U);
  EXPECT_EQ(sink_.answers.size(), 45U);
}

TEST_F(RetrierTest, AsksTheNextNodeWhenTheFirstIsOutAndItsKeysMayMove) {
  conf::Pool pool = Retrying(1);
  pool.on_down.policy = conf::DownPolicy::kRehash;
  Start(pool);
  Send(7);
  Send(8, false);
  Socket(owner()).ReceiveEnd();
  loop_.last_socket().observer->OnConnected(ECONNREFUSED);
  Advance(2ms);
  EXPECT_EQ(Socket(second()).TakeWritten(), "read");
  EXPECT_EQ(sink_.answers, (Answers{{8, "node_down"}}));
  Socket(second()).Receive("$-1\r\n");
  EXPECT_EQ(sink_.answers, (Answers{{8, "node_down"}, {7, "$-1\r\n"}}));
}

TEST_F(RetrierTest, LeavesAnErrorOfTheNodeAsItIs) {
  Start(Retrying(1));
  Send(7);
  Socket(owner()).Receive("-LOADING Redis is loading the dataset in memory\r\n");
  ASSERT_EQ(sink_.answers.size(), 1U);
  EXPECT_EQ(retry_stats_[0].retries.value(), 0U);
}

TEST_F(RetrierTest, AsksASecondNodeOnceTheFirstTakesLongerThanMostReplies) {
  Start(Hedging());
  Learn();
  Send(7);
  EXPECT_EQ(Socket(owner()).TakeWritten(), "read");
  Advance(900us);
  EXPECT_EQ(Socket(second()).TakeWritten(), "");
  Advance(300us);
  EXPECT_EQ(Socket(second()).TakeWritten(), "read");
  Socket(second()).Receive("$1\r\nv\r\n");
  EXPECT_EQ(sink_.answers, (Answers{{7, "$1\r\nv\r\n"}}));
  Socket(owner()).Receive("$1\r\nw\r\n");
  EXPECT_EQ(sink_.answers.size(), 1U);
  EXPECT_EQ(retrier_->open(), 0U);
  EXPECT_EQ(retry_stats_[0].hedges_won.value(), 1U);
}

TEST_F(RetrierTest, PrefersTheFirstNodesValueToTheSecondsMiss) {
  Start(Hedging());
  Learn();
  Send(7);
  Advance(2ms);
  Socket(second()).Receive("$-1\r\n");
  EXPECT_EQ(sink_.answers, Answers{});
  Socket(owner()).Receive("$1\r\nv\r\n");
  EXPECT_EQ(sink_.answers, (Answers{{7, "$1\r\nv\r\n"}}));
}

TEST_F(RetrierTest, PrefersAValueToTheSecondsMissInResp3) {
  Start(Hedging());
  Learn();
  Send(7);
  Advance(2ms);
  Socket(second()).Receive("_\r\n");
  Socket(owner()).Receive("%1\r\n$1\r\nf\r\n$1\r\nv\r\n");
  EXPECT_EQ(sink_.answers, (Answers{{7, "%1\r\n$1\r\nf\r\n$1\r\nv\r\n"}}));
}

TEST_F(RetrierTest, TakesTheSecondsMissWhenTheFirstFails) {
  Start(Hedging());
  Learn();
  Send(7);
  Advance(2ms);
  Socket(second()).Receive("$-1\r\n");
  Socket(owner()).ReceiveEnd();
  EXPECT_EQ(sink_.answers, (Answers{{7, "$-1\r\n"}}));
  EXPECT_EQ(retrier_->open(), 0U);
}

TEST_F(RetrierTest, HedgesNoMoreThanItsBudget) {
  conf::Pool pool = Hedging();
  pool.hedging.budget = {50};
  Start(pool);
  Learn();
  for (uint32_t slot = 0; slot < 100; ++slot) Send(slot);
  Advance(2ms);
  EXPECT_EQ(retry_stats_[0].hedges.value(), 5U);
}

TEST_F(RetrierTest, HedgesInOnePoolThoughAnotherOnesReadsWaitLonger) {
  Start(Hedging(), 0, 2);
  Learn(0, 60ms);
  Learn(1, 1ms);
  Send(7, true, 0);
  Send(8, true, 1);
  Advance(2ms);
  EXPECT_EQ(retry_stats_[0].hedges.value(), 0U);
  EXPECT_EQ(retry_stats_[1].hedges.value(), 1U);
  EXPECT_EQ(Socket(3 + second()).TakeWritten(), "read");
  Advance(100ms);
  EXPECT_EQ(retry_stats_[0].hedges.value(), 1U);
  EXPECT_EQ(Socket(second()).TakeWritten(), "read");
}

TEST_F(RetrierTest, RefusesARetryThatItsNodeHasNoPlaceForAndMovesItNowhere) {
  for (const bool may_move : {false, true}) {
    held_.reset();
    sink_.answers.clear();
    conf::Pool pool = Retrying(1);
    pool.on_down.policy = conf::DownPolicy::kRehash;
    pool.breaker.consecutive_failures = 0;
    pool.concurrency = {.min = 4, .max = 4, .reserve = {500}};
    const size_t first = loop_.sockets();
    Start(pool, first);
    Send(7, may_move);
    Advance(50ms);
    // Its own late reply is under way, and another request.
    SendOther(owner());
    Advance(2ms);
    EXPECT_EQ(sink_.answers, (Answers{{7, "node_overloaded"}}));
    EXPECT_EQ(Socket(first + second()).TakeWritten(), "");
    EXPECT_EQ(snapshot_->pools[0].nodes[owner()]->stats(0).overloads.value(), 1U);
    EXPECT_EQ(retrier_->open(), 0U);
  }
}

TEST_F(RetrierTest, RetriesWithPriorityFromTheReserve) {
  conf::Pool pool = Retrying(1);
  pool.breaker.consecutive_failures = 0;
  pool.concurrency = {.min = 4, .max = 4, .reserve = {500}};
  Start(pool);
  retrier_->Send(*held_, "read", {0, owner(), 0, hash_, false, true}, Ticket{0, 0, 7, Ticket::Kind::kSession});
  Flush();
  Advance(50ms);
  SendOther(owner());
  Advance(2ms);
  EXPECT_EQ(Socket(owner()).TakeWritten(), "readxread");
}

TEST_F(RetrierTest, HedgesNotAtANodeThatIsFull) {
  conf::Pool pool = Hedging();
  pool.concurrency = {.min = 50, .max = 50, .reserve = {}};
  Start(pool);
  Learn();
  for (int i = 0; i < 50; ++i) SendOther(second());
  Flush();
  Socket(second()).TakeWritten();
  Send(7);
  Advance(2ms);
  for (size_t node = 0; node < 3; ++node) EXPECT_EQ(Socket(node).TakeWritten(), node == owner() ? "read" : "");
  EXPECT_EQ(retry_stats_[0].hedges.value(), 0U);
}

}  // namespace
}  // namespace ringproxy::proxy
