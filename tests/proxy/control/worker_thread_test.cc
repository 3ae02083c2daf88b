#include "proxy/control/worker_thread.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <future>
#include <optional>

#include "tests/support/test_snapshot.h"
#include "tests/support/test_view.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kLongest{20};

// Until it is true, but not for ever.
bool Eventually(const std::function<bool()>& is_true) {
  const auto end = std::chrono::steady_clock::now() + kLongest;
  while (!is_true()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

// The test's end of a connection.
class FarEnd {
 public:
  explicit FarEnd(int fd) : fd_(fd) {}
  FarEnd(const FarEnd&) = delete;
  FarEnd& operator=(const FarEnd&) = delete;
  ~FarEnd() { close(fd_); }

  void Write(std::string_view text) {
    EXPECT_EQ(send(fd_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // What comes next, waited for; "" at the end of the connection.
  std::string Read() {
    pollfd ready{fd_, POLLIN, 0};
    if (poll(&ready, 1, static_cast<int>(std::chrono::milliseconds(kLongest).count())) != 1) return "nothing";
    std::array<char, 1000> buffer{};
    const ssize_t got = read(fd_, buffer.data(), buffer.size());
    return {buffer.data(), got > 0 ? static_cast<size_t>(got) : 0};
  }

 private:
  int fd_;
};

// One worker, and a node that is a socket of the test's.
class WorkerThreadTest : public testing::Test {
 protected:
  WorkerThreadTest() : listen_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    spdlog::set_level(spdlog::level::off);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listen_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(getsockname(listen_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~WorkerThreadTest() override {
    worker_.reset();
    close(listen_);
  }

  // The node serves only if it listens.
  void Make(bool node_listens) {
    if (node_listens) {
      EXPECT_EQ(listen(listen_, 8), 0);
    }
    conf::Config config;
    conf::Pool& pool = config.pools.emplace_back();
    pool.name = "main";
    pool.nodes = {{"r0", {"127.0.0.1", port_, ""}, 1}};
    pool.reconnect = {.initial = 1ms, .max = 1ms};
    pool.breaker.consecutive_failures = 1;
    pool.health.interval = {};
    conf::Listener& listener = config.listeners.emplace_back();
    listener.name = "web";
    listener.routes = {{"", "main"}};
    auto snapshot = MakeSnapshot(std::move(config), nodes_);
    limits_.Compile(*snapshot);
    snapshot_ = snapshot;
    stats_.push_back(std::make_unique<WorkerStats>(*snapshot_));
    worker_.emplace(
        snapshot_, stats_, 0, 1, limits_, subscriptions_, memory_, resolver_,
        [this](const backends::BreakerNews& news) {
          if (std::exchange(has_news_, true)) return;
          news_.set_value({news, std::this_thread::get_id()});
        },
        [](const std::shared_ptr<const Snapshot>&) {}, ScriptPosts{}, MonitorPosts{}, ClientPosts{});
  }
  std::unique_ptr<FarEnd> AddClient() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    worker_->AddClient(0, TestClient(), ends[0]);
    return std::make_unique<FarEnd>(ends[1]);
  }
  // The worker's connection to the node, greeted.
  std::unique_ptr<FarEnd> AcceptNode() {
    auto node = std::make_unique<FarEnd>(accept(listen_, nullptr, nullptr));
    EXPECT_EQ(node->Read(), "*1\r\n$4\r\nPING\r\n");
    node->Write("+PONG\r\n");
    EXPECT_TRUE(Eventually([&] { return Node().IsConnected(); }));
    return node;
  }
  backends::NodeRecord& Node() { return *snapshot_->pools[0].nodes[0]; }

  int listen_;
  uint16_t port_ = 0;
  backends::NodeRegistry nodes_{1};
  SharedLimits limits_{1, 1};
  SubscriptionCounts subscriptions_;
  net::ProcessMemory memory_{1 << 30, 1};
  std::shared_ptr<const Snapshot> snapshot_;
  std::vector<std::unique_ptr<WorkerStats>> stats_;
  bool has_news_ = false;
  std::promise<std::pair<backends::BreakerNews, std::thread::id>> news_;
  net::Resolver resolver_;
  std::optional<WorkerThread> worker_;
};

TEST_F(WorkerThreadTest, ServesAClientThatWasHandedOver) {
  Make(true);
  worker_->Start();
  const auto node = AcceptNode();
  const auto client = AddClient();
  EXPECT_EQ(worker_->sessions(), 1U);
  client->Write("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
  EXPECT_EQ(node->Read(), "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
  node->Write("$1\r\nv\r\n");
  EXPECT_EQ(client->Read(), "$1\r\nv\r\n");
}

TEST_F(WorkerThreadTest, CountsClientsUntilTheyLeave) {
  Make(true);
  worker_->Start();
  const auto stays = AddClient();
  auto leaves = AddClient();
  EXPECT_EQ(worker_->sessions(), 2U);
  leaves.reset();
  EXPECT_TRUE(Eventually([&] { return worker_->sessions() == 1; }));
}

TEST_F(WorkerThreadTest, TakesClientsThatCameBeforeItStarted) {
  Make(true);
  const auto client = AddClient();
  client->Write("*1\r\n$4\r\nPING\r\n");
  worker_->Start();
  EXPECT_EQ(client->Read(), "+PONG\r\n");
}

TEST_F(WorkerThreadTest, ShowsItsClientsTheWholeProcess) {
  Make(true);
  worker_->Start();
  const auto client = AddClient();
  client->Write("*2\r\n$4\r\nINFO\r\n$9\r\nringproxy\r\n");
  EXPECT_NE(client->Read().find("ringproxy_connected_clients:1\r\n"), std::string::npos);
}

TEST_F(WorkerThreadTest, TellsOnItsOwnThreadThatItHasDrained) {
  Make(true);
  worker_->Start();
  const auto client = AddClient();
  std::promise<std::thread::id> drained;
  worker_->Drain({}, [&] { drained.set_value(std::this_thread::get_id()); });
  auto thread = drained.get_future();
  ASSERT_EQ(thread.wait_for(kLongest), std::future_status::ready);
  EXPECT_NE(thread.get(), std::this_thread::get_id());
  EXPECT_EQ(client->Read(), "");
  EXPECT_EQ(worker_->sessions(), 0U);
}

TEST_F(WorkerThreadTest, TellsOnItsOwnThreadThatABreakerHasOpened) {
  Make(false);
  worker_->Start();
  auto told = news_.get_future();
  ASSERT_EQ(told.wait_for(kLongest), std::future_status::ready);
  const auto& [news, thread] = told.get();
  EXPECT_EQ(news.node.get(), &Node());
  EXPECT_EQ(news.state, backends::CircuitBreaker::BreakerState::kOpen);
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST_F(WorkerThreadTest, PassesTheWordOfTheProcessToTheNode) {
  Make(true);
  worker_->Start();
  const auto node = AcceptNode();
  worker_->Tell(snapshot_->pools[0].nodes[0], &backends::NodePool::Disable);
  EXPECT_EQ(node->Read(), "");
  EXPECT_TRUE(Eventually([&] { return !Node().IsConnected(); }));
}

TEST_F(WorkerThreadTest, EndsWithClientsOnItAndAlsoWithoutHavingStarted) {
  Make(true);
  worker_->Start();
  const auto client = AddClient();
  client->Write("*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(client->Read(), "+PONG\r\n");
  worker_.reset();
  EXPECT_EQ(client->Read(), "");
  Make(true);
  worker_.reset();
}

}  // namespace
}  // namespace ringproxy::proxy
