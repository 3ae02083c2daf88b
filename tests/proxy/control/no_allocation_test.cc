// What keeps the request path fast: a single-key request takes nothing from the heap once everything is warm.
#include "tests/proxy/control/worker_fixture.h"
#include "tests/support/counting_allocator.h"

namespace ringproxy::proxy {
namespace {

class NoAllocationTest : public WorkerFixture {
 protected:
  // One round: the request goes to its node, the reply comes back. Allocations during the proxy's own work.
  uint64_t Round(test::FakeSocket& client, const std::string& requests, test::FakeSocket& node,
                 const std::string& replies) {
    client.incoming = requests;
    node.incoming = replies;
    client.written.clear();
    node.written.clear();
    const test::AllocationCounter allocations;
    while (!client.incoming.empty()) client.observer->OnReadable();
    Settle();
    while (!node.incoming.empty()) node.observer->OnReadable();
    Settle();
    const uint64_t count = allocations.count();
    EXPECT_EQ(client.written, replies);
    EXPECT_EQ(node.written, requests);
    return count;
  }

  void ExpectNoneOnceWarm(const std::string& requests, const std::string& replies) {
    test::FakeSocket& client = NewClient();
    test::FakeSocket& node = Node(0);
    for (test::FakeSocket* socket : {&client, &node}) {
      socket->incoming.reserve(1 << 20);
      socket->written.reserve(1 << 20);
    }
    for (int warm = 0; warm < 3; ++warm) Round(client, requests, node, replies);
    for (int round = 0; round < 100; ++round) EXPECT_EQ(Round(client, requests, node, replies), 0U);
  }

  static std::string Times(int count, const std::string& text) {
    std::string out;
    for (int i = 0; i < count; ++i) out += text;
    return out;
  }
};

TEST_F(NoAllocationTest, CountsAllocationsAtAll) {
  const test::AllocationCounter allocations;
  const auto kept = std::make_unique<std::string>(100, 'x');
  EXPECT_GE(allocations.count(), 2U);
}

TEST_F(NoAllocationTest, GetTakesNothingFromTheHeap) {
  Start();
  ExpectNoneOnceWarm(Encode({"GET", KeyOf(0)}), "$64\r\n" + std::string(64, 'v') + "\r\n");
}

TEST_F(NoAllocationTest, LimitsTakeNothingFromTheHeap) {
  const auto limit = [](const char* name, conf::Words per) {
    conf::Limit made;
    made.name = name;
    made.per = std::move(per);
    made.rate = {.amount = 1'000'000};
    made.burst = 1'000'000;
    return made;
  };
  conf::Config config = TwoNodes();
  config.limits = {limit("all", {}), limit("clients", {"client_ip", "prefix(5)"}), limit("connections", {})};
  config.limits[2].scope = conf::LimitScope::kConnection;
  conf::Limit& concurrency = config.limits.emplace_back();
  concurrency.name = "concurrency";
  concurrency.algorithm = conf::LimitAlgorithm::kConcurrency;
  concurrency.requests_in_flight = 100;
  Start(std::move(config));
  ExpectNoneOnceWarm(Times(16, Encode({"GET", KeyOf(0)})), Times(16, "$64\r\n" + std::string(64, 'v') + "\r\n"));
  EXPECT_GE(LimitCounts(0).admitted.value(), 1'600U);
}

TEST_F(NoAllocationTest, SetTakesNothingFromTheHeap) {
  Start();
  ExpectNoneOnceWarm(Encode({"SET", KeyOf(0), std::string(64, 'v')}), "+OK\r\n");
}

TEST_F(NoAllocationTest, APipelineOfSixteenTakesNothingFromTheHeap) {
  Start();
  ExpectNoneOnceWarm(Times(16, Encode({"GET", KeyOf(0)})), Times(16, "$64\r\n" + std::string(64, 'v') + "\r\n"));
}

TEST_F(NoAllocationTest, MemcachedGetTakesNothingFromTheHeap) {
  Start(TwoMemcachedNodes());
  const std::string key = KeyOf(0);
  ExpectNoneOnceWarm("get " + key + "\r\n", "VALUE " + key + " 0 64\r\n" + std::string(64, 'v') + "\r\nEND\r\n");
}

TEST_F(NoAllocationTest, APipelineOfMemcachedSetsTakesNothingFromTheHeap) {
  Start(TwoMemcachedNodes());
  ExpectNoneOnceWarm(Times(16, "set " + KeyOf(0) + " 0 0 64\r\n" + std::string(64, 'v') + "\r\n"),
                     Times(16, "STORED\r\n"));
}

TEST_F(NoAllocationTest, MetaGetTakesNothingFromTheHeap) {
  Start(TwoMemcachedNodes());
  ExpectNoneOnceWarm("mg " + KeyOf(0) + " v\r\n", "VA 64\r\n" + std::string(64, 'v') + "\r\n");
}

}  // namespace
}  // namespace ringproxy::proxy
