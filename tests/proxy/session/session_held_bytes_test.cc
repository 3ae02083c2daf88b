// A session whose stream has taken bytes from the socket that nobody has read yet.
#include "backends/net/put_back_stream.h"
#include "tests/proxy/control/worker_fixture.h"

namespace ringproxy::proxy {
namespace {

constexpr int kRequests = 60;

class SessionHeldBytesTest : public WorkerFixture {
 protected:
  static std::string Times(const std::string& text) {
    std::string all;
    for (int i = 0; i < kRequests; ++i) all += text;
    return all;
  }
};

TEST_F(SessionHeldBytesTest, ReadsAllThatItsStreamHoldsThoughNoByteArrives) {
  conf::Config config = TwoNodes();
  config.listeners[0].limits.requests_in_flight = 2;
  Start(std::move(config));
  const std::string set = Encode({"SET", KeyOf(0), std::string(5000, 'v')});
  ASSERT_GT(kRequests * set.size(), 2 * net::ReadBuffer::kSize);
  net::BlockPool pool;
  worker_->AddClient(0, TestClient(), [&](net::StreamObserver& observer) {
    auto stream = std::make_unique<net::PutBackStream>(loop_, loop_.NewStream(observer), pool.Copy(Times(set)));
    stream->SetObserver(observer);
    return stream;
  });
  test::FakeSocket& client = loop_.last_socket();
  bool was_stopped = false;
  for (int i = 0; i < kRequests; ++i) {
    loop_.Advance(net::Duration(0));
    Settle();
    was_stopped |= !client.watches_reads;
    Node(0).Receive("+OK\r\n");
    Settle();
  }
  EXPECT_TRUE(was_stopped);
  EXPECT_EQ(Node(0).TakeWritten(), Times(set));
  EXPECT_EQ(client.TakeWritten(), Times("+OK\r\n"));
  EXPECT_EQ(pool.blocks_in_use(), 0U);
  client.ReceiveEnd();
  Settle();
  EXPECT_TRUE(client.closed());
}

}  // namespace
}  // namespace ringproxy::proxy
