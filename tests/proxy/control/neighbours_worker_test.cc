// What one client of large values leaves to the others on the same connection to a node.
#include "tests/proxy/control/worker_fixture.h"

namespace ringproxy::proxy {
namespace {

class NeighboursTest : public WorkerFixture {
 protected:
  // Requests that have left for node 0 since the last call.
  size_t Asked() {
    Settle();
    const std::string written = Node(0).TakeWritten();
    size_t count = 0;
    for (size_t at = 0; (at = written.find("GET", at)) != std::string::npos; ++at) ++count;
    return count;
  }
  static std::string Value(size_t bytes) {
    return "$" + std::to_string(bytes) + "\r\n" + std::string(bytes, 'v') + "\r\n";
  }
};

TEST_F(NeighboursTest, AreKeptWaitingByNoMoreThanFourMebibytesOfRepliesToAClient) {
  Start();
  test::FakeSocket& greedy = NewClient();
  std::string batch;
  for (int i = 0; i < 200; ++i) batch += Encode({"GET", KeyOf(0)});
  greedy.Receive(batch);
  size_t under_way = Asked();
  size_t answered = 0;
  EXPECT_EQ(under_way, 16U);
  size_t most = 0;
  while (answered < 200) {
    Node(0).Receive(Value(900'000));
    ++answered;
    under_way = under_way - 1 + Asked();
    if (answered > 30) most = std::max(most, under_way);
    ASSERT_TRUE(under_way > 0 || answered == 200);
  }
  EXPECT_EQ(most, 4U);
  EXPECT_EQ(greedy.written.size(), 200 * Value(900'000).size());
}

TEST_F(NeighboursTest, PassAClientWhoseNextRequestsWait) {
  Start();
  test::FakeSocket& greedy = NewClient();
  test::FakeSocket& small = NewClient();
  std::string batch;
  for (int i = 0; i < 50; ++i) batch += Encode({"GET", KeyOf(0)});
  greedy.Receive(batch);
  EXPECT_EQ(Asked(), 16U);
  small.Receive(Encode({"GET", KeyOf(0)}));
  EXPECT_EQ(Asked(), 1U);
  for (int i = 0; i < 16; ++i) Node(0).Receive(Value(900'000));
  Node(0).Receive("$1\r\ns\r\n");
  Settle();
  EXPECT_EQ(small.TakeWritten(), "$1\r\ns\r\n");
}

TEST_F(NeighboursTest, DoNotSlowAClientOfSmallRepliesDown) {
  Start();
  test::FakeSocket& client = NewClient();
  for (int i = 0; i < 32; ++i) {
    client.Receive(Encode({"GET", KeyOf(0)}));
    EXPECT_EQ(Asked(), 1U);
    Node(0).Receive("$1\r\ns\r\n");
    Settle();
  }
  std::string batch;
  for (int i = 0; i < 1000; ++i) batch += Encode({"GET", KeyOf(0)});
  client.Receive(batch);
  EXPECT_EQ(Asked(), 1000U);
}

}  // namespace
}  // namespace ringproxy::proxy
