// What a worker does when memory is short: whoever takes much waits, is refused, or has to go; nobody else notices.
#include "backends/wire/resp_reply.h"
#include "tests/proxy/control/worker_fixture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

constexpr size_t kMiB = 1 << 20;
constexpr std::string_view kRefusal =
    "-ERR ringproxy has no memory left for this: ask for less at a time, read replies sooner, or raise "
    "memory_limit\r\n";

class MemoryWorkerTest : public WorkerFixture {
 protected:
  static constexpr size_t kLimit = 16 * kMiB;

  void StartWithLimit(conf::Config config = TwoNodes()) {
    memory_ = std::make_unique<net::ProcessMemory>(kLimit, 1);
    config.pools[0].timeouts.request = 60s;
    Start(std::move(config));
  }
  // Also over turns of everybody who has something to do.
  void Turn() {
    Settle();
    most_ = std::max(most_, worker_->blocks().allocated_bytes());
  }
  void ExpectServed(const std::string& reply = "$5\r\nvalue\r\n") {
    test::FakeSocket& client = NewClient();
    Node(0).written.clear();
    client.Receive(Encode({"GET", KeyOf(0)}));
    Turn();
    EXPECT_FALSE(Node(0).TakeWritten().empty());
    Node(0).Receive(reply);
    Turn();
    EXPECT_EQ(client.written, reply);
    EXPECT_FALSE(client.closed());
  }
  static std::string Times(int count, const std::string& text) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text;
    return all;
  }
  uint64_t Refused() const { return stats_->errors[static_cast<size_t>(wire::ErrorCode::kOutOfMemory)].value(); }
  uint64_t CutOff() const { return stats_->listeners[0].cut_off.value(); }

  size_t most_ = 0;  // Of the memory that blocks took at the end of a turn.
};

TEST_F(MemoryWorkerTest, StaysWithinItsLimitHoweverManyPipelineTheWorstCommandAndDoNotRead) {
  StartWithLimit();
  for (int i = 0; i < 300; ++i) {
    test::FakeSocket& client = NewClient();
    client.room = 0;
    client.Receive(Times(20, Encode({"COMMAND"}) + Encode({"COMMAND", "LIST"})));
    Turn();
  }
  EXPECT_LT(most_, kLimit);
  EXPECT_GT(Refused(), 0U);
  ExpectServed();
}

TEST_F(MemoryWorkerTest, AllOfThemInOneTurn) {
  StartWithLimit();
  for (int i = 0; i < 300; ++i) {
    test::FakeSocket& client = NewClient();
    client.room = 0;
    client.Receive(Times(100, Encode({"COMMAND"})));
  }
  EXPECT_LT(worker_->blocks().allocated_bytes(), kLimit);
  Turn();
  EXPECT_LT(most_, kLimit);
  ExpectServed();
}

TEST_F(MemoryWorkerTest, GoesOnWithThoseWhoWaitedOnceTheyRead) {
  StartWithLimit();
  std::vector<test::FakeSocket*> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(&NewClient());
    clients.back()->room = 0;
    clients.back()->Receive(Times(10, Encode({"COMMAND"})) + Encode({"ECHO", "last"}));
    Turn();
  }
  for (int turn = 0; turn < 100; ++turn) {
    for (test::FakeSocket* client : clients) {
      client->room = SIZE_MAX;
      if (!client->closed() && client->watches_writes) client->observer->OnWritable();
    }
    loop_.Advance(1s);
    Turn();
  }
  for (const test::FakeSocket* client : clients) {
    EXPECT_FALSE(client->closed());
    EXPECT_TRUE(client->written.ends_with("$4\r\nlast\r\n"));
  }
  EXPECT_LT(most_, kLimit);
}

TEST_F(MemoryWorkerTest, AsksForNoMoreThanWaitsBehindASlowReply) {
  conf::Config config = TwoNodes();
  config.listeners[0].limits.output_bytes = 4 * kMiB;
  StartWithLimit(std::move(config));
  test::FakeSocket& client = NewClient();
  const std::string get = Encode({"GET", KeyOf(1)});
  const std::string value = "$250000\r\n" + std::string(250'000, 'v') + "\r\n";
  client.Receive(Encode({"GET", KeyOf(0)}) + Times(500, get));
  size_t asked = 0;
  const auto answer = [&] {
    for (int turn = 0; turn < 100; ++turn) {
      Turn();
      const size_t now = Node(1).TakeWritten().size() / get.size();
      asked += now;
      for (size_t i = 0; i < now; ++i) Node(1).Receive(value);
    }
  };
  answer();
  EXPECT_GE(asked, 12U);
  EXPECT_LE(asked, 17U);
  EXPECT_LT(most_, 6 * kMiB);
  Node(0).Receive("$-1\r\n");
  answer();
  EXPECT_EQ(asked, 500U);
  EXPECT_EQ(client.written.size(), 500 * value.size() + 5);
  EXPECT_EQ(CutOff(), 0U);
}

TEST_F(MemoryWorkerTest, TakesARequestOfAThirdOfTheLimit) {
  StartWithLimit();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"SET", KeyOf(0), std::string(kLimit / 3, 'x')}));
  Turn();
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"SET", KeyOf(0), std::string(kLimit / 3, 'x')}));
  EXPECT_LT(most_, kLimit / 2);
}

TEST_F(MemoryWorkerTest, BoundsWhatManyHalfSentRequestsHold) {
  StartWithLimit();
  std::vector<test::FakeSocket*> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(&NewClient());
    clients.back()->Receive("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n");
  }
  EXPECT_LT(worker_->blocks().allocated_bytes(), kMiB);
  for (int round = 0; round < 9; ++round) {
    for (test::FakeSocket* client : clients) client->Receive(std::string(100'000, 'x'));
    Turn();
  }
  EXPECT_LT(most_, kLimit);
  ExpectServed();
}

TEST_F(MemoryWorkerTest, FailsAReplyThatIsTooLargeAndNoOther) {
  StartWithLimit();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& other = NewClient();
  client.Receive(Encode({"GET", KeyOf(0)}));
  other.Receive(Encode({"GET", KeyOf(0)}));
  Turn();
  Node(0).Receive("$100000000\r\n");
  for (int i = 0; i < 1000; ++i) {
    Node(0).Receive(std::string(100'000, 'v'));
    Turn();
  }
  Node(0).Receive("\r\n$5\r\nvalue\r\n");
  Turn();
  EXPECT_EQ(client.written, kRefusal);
  EXPECT_EQ(other.written, "$5\r\nvalue\r\n");
  EXPECT_LT(most_, kMiB);
}

TEST_F(MemoryWorkerTest, FailsAFanOutWhosePartsAreTooLargeTogether) {
  StartWithLimit();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"MGET", KeyOf(0), KeyOf(1)}));
  Turn();
  const std::string part = "*1\r\n$5000000\r\n" + std::string(5'000'000, 'v') + "\r\n";
  Node(0).Receive(part);
  Node(1).Receive(part);
  Turn();
  EXPECT_EQ(client.written, kRefusal);
  EXPECT_EQ(worker_->open_fanouts(), 0U);
  EXPECT_LT(most_, kLimit);
  ExpectServed();
}

TEST_F(MemoryWorkerTest, CutsOffThoseWhoHoldMostWhenTooLittleIsFree) {
  StartWithLimit();
  std::vector<test::FakeSocket*> readers;
  const auto ask = [&](size_t reply_bytes) {
    readers.push_back(&NewClient());
    readers.back()->room = 0;
    readers.back()->Receive(Encode({"GET", KeyOf(0)}));
    Turn();
    Node(0).Receive("$" + std::to_string(reply_bytes) + "\r\n" + std::string(reply_bytes, 'v') + "\r\n");
    Turn();
  };
  // None of them reads; what each of them holds is one reply.
  ask(3 * kMiB);
  for (int i = 0; i < 400; ++i) ask(50'000);
  EXPECT_TRUE(readers[0]->closed());
  EXPECT_GT(CutOff(), 0U);
  EXPECT_LT(worker_->blocks().allocated_bytes(), kLimit);
}

TEST_F(MemoryWorkerTest, TellsWhatItHolds) {
  StartWithLimit();
  test::FakeSocket& client = NewClient();
  client.room = 0;
  client.Receive(Encode({"ECHO", std::string(100'000, 'x')}));
  Turn();
  client.Receive("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$50000\r\n" + std::string(40'000, 'x'));
  loop_.Advance(1s);
  Turn();
  EXPECT_GE(stats_->memory.replies.value(), 100'000U);
  EXPECT_GE(stats_->memory.requests.value(), 40'000U);
  EXPECT_GE(stats_->memory.blocks_in_use.value(), stats_->memory.replies.value() + stats_->memory.requests.value());
}

}  // namespace
}  // namespace ringproxy::proxy
