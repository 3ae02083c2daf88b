#include "proxy/control/acceptor.h"

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <optional>
#include <sstream>

#include "backends/own_trouble.h"
#include "tests/backends/net/event_base_fixture.h"
#include "tests/support/test_snapshot.h"

namespace ringproxy::proxy {
namespace {

using net::TestSocket;
using testing::StartsWith;

constexpr uint32_t kWeb = 0;    // Redis.
constexpr uint32_t kCache = 1;  // Memcached.

class AcceptorTest : public testing::Test {
 protected:
  struct Served {
    uint32_t listener;
    ClientState client;
    TestSocket socket;
  };

  AcceptorTest() {
    spdlog::set_level(spdlog::level::off);
    for (const auto& [name, protocol] :
         {std::pair{"web", conf::Protocol::kRedis}, {"cache", conf::Protocol::kMemcached}}) {
      conf::Pool& pool = config_.pools.emplace_back();
      pool.name = name;
      pool.protocol = protocol;
      pool.nodes = {{"r0", {"10.0.0.1", 1, ""}, 1}};
      conf::Listener& listener = config_.listeners.emplace_back();
      listener.name = name;
      listener.protocol = protocol;
      listener.routes = {{"", name}};
      listener.listen = {"", 0, testing::TempDir() + "ringproxy_acceptor_" + std::to_string(getpid()) + "_" + name};
    }
  }

  bool Listen(uint64_t room_for_clients = 100) {
    acceptor_.reset();
    snapshot_ = MakeSnapshot(config_);
    workers_.clear();
    for (int i = 0; i < 2; ++i) workers_.push_back(std::make_unique<WorkerStats>(*snapshot_));
    acceptor_.emplace(loop_, *snapshot_, AllStats(workers_), room_for_clients,
                      [this](uint32_t listener, ClientState client, int fd) {
                        served_.push_back({listener, std::move(client), TestSocket(fd)});
                      });
    return acceptor_->Listen();
  }
  const std::string& PathOf(uint32_t listener) const { return config_.listeners[listener].listen.unix_path; }
  bool RunUntil(const std::function<bool()>& is_true) { return net::RunUntil(loop_.base(), is_true); }
  // Who is served then.
  TestSocket Connect(uint32_t listener) {
    TestSocket client(AF_UNIX, 0);
    EXPECT_EQ(net::ConnectTo(client, net::LocalAddress(PathOf(listener))), 0);
    const size_t before = served_.size();
    EXPECT_TRUE(RunUntil([&] { return served_.size() > before; }));
    return client;
  }
  // What a client reads that is refused: all until the end.
  std::string ConnectInVain(uint32_t listener, std::string_view request = {}) {
    const TestSocket client(AF_UNIX, 0);
    EXPECT_EQ(net::ConnectTo(client, net::LocalAddress(PathOf(listener))), 0);
    if (!request.empty()) {
      EXPECT_EQ(send(client.fd(), request.data(), request.size(), 0), ssize_t(request.size()));
    }
    std::string all;
    ssize_t got = -1;
    EXPECT_TRUE(RunUntil([&] {
      char buffer[1000];
      while ((got = recv(client.fd(), buffer, sizeof buffer, MSG_DONTWAIT)) > 0) all.append(buffer, size_t(got));
      return got == 0 || errno != EAGAIN;
    }));
    EXPECT_EQ(got, 0) << "a reset may overtake the words";
    return all;
  }
  // One of the listener's clients leaves its worker.
  void Leave(uint32_t listener, size_t worker = 0) { workers_[worker]->listeners[listener].closed.Add(); }

  net::Resolver resolver_;
  net::LibeventLoop loop_{resolver_};
  conf::Config config_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::vector<std::unique_ptr<WorkerStats>> workers_;
  std::vector<Served> served_;
  std::optional<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, HandsOverEachClientWithItsListenerAndANumberOfItsOwn) {
  ASSERT_TRUE(Listen());
  const TestSocket first = Connect(kCache);
  const TestSocket second = Connect(kWeb);
  ASSERT_EQ(served_.size(), 2U);
  EXPECT_EQ(served_[0].listener, kCache);
  EXPECT_EQ(served_[0].client.id, 1U);
  EXPECT_EQ(served_[1].listener, kWeb);
  EXPECT_EQ(served_[1].client.id, 2U);
  ASSERT_EQ(send(first.fd(), "hi", 2, 0), 2);
  char buffer[8];
  ASSERT_EQ(recv(served_[0].socket.fd(), buffer, sizeof buffer, 0), 2) << "the connection is the callee's";
}

TEST_F(AcceptorTest, KnowsTheAccountAtTheOtherEndOfAUnixSocket) {
  ASSERT_TRUE(Listen());
  const TestSocket client = Connect(kCache);
  ASSERT_NE(served_[0].client.labels, nullptr);
  EXPECT_EQ(served_[0].client.labels->user, net::PeerUser(served_[0].socket.fd()));
  EXPECT_NE(served_[0].client.labels->user, "");
}

TEST_F(AcceptorTest, SaysWhichPortItHasAndKnowsTheAddressOfWhoComesThere) {
  std::ostringstream log;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_st>(log)));
  config_.listeners[kWeb].listen = {"127.0.0.1", 0, ""};
  EXPECT_TRUE(Listen());
  spdlog::set_default_logger(before);
  const std::string words = "listener web listens on 127.0.0.1:";
  const size_t at = log.str().find(words);
  ASSERT_NE(at, std::string::npos) << log.str();
  const TestSocket client(AF_INET, 0);
  const auto port = static_cast<uint16_t>(std::stoi(log.str().substr(at + words.size())));
  ASSERT_EQ(net::ConnectTo(client, net::Loopback(port)), 0);
  ASSERT_TRUE(RunUntil([&] { return !served_.empty(); }));
  EXPECT_EQ(served_[0].client.address, "127.0.0.1:" + std::to_string(client.port()));
  EXPECT_EQ(served_[0].client.labels, nullptr);
}

TEST_F(AcceptorTest, RefusesInTheWordsOfTheProtocolWhoeverIsOneTooMany) {
  for (conf::Listener& listener : config_.listeners) listener.max_connections = 1;
  ASSERT_TRUE(Listen());
  const TestSocket web = Connect(kWeb);
  const TestSocket cache = Connect(kCache);
  EXPECT_EQ(ConnectInVain(kWeb), "-ERR max number of clients reached\r\n");
  EXPECT_EQ(ConnectInVain(kCache), "ERROR Too many open connections\r\n");
  EXPECT_EQ(served_.size(), 2U);
}

TEST_F(AcceptorTest, WhoIsRefusedReadsWhyThoughItHasAskedAlready) {
  config_.listeners[kWeb].max_connections = 1;
  ASSERT_TRUE(Listen());
  const TestSocket client = Connect(kWeb);
  EXPECT_THAT(ConnectInVain(kWeb, std::string(20'000, 'x')), StartsWith("-ERR "));
}

TEST_F(AcceptorTest, WhoIsRefusedReadsWhyThoughItAsksLater) {
  config_.listeners[kWeb].max_connections = 1;
  ASSERT_TRUE(Listen());
  const TestSocket served = Connect(kWeb);
  const TestSocket client(AF_UNIX, 0);
  ASSERT_EQ(net::ConnectTo(client, net::LocalAddress(PathOf(kWeb))), 0);
  char buffer[100];
  ASSERT_TRUE(RunUntil([&] { return recv(client.fd(), buffer, 1, MSG_DONTWAIT | MSG_PEEK) == 1; }));
  ASSERT_EQ(send(client.fd(), "PING\r\n", 6, MSG_NOSIGNAL), 6);
  EXPECT_GT(recv(client.fd(), buffer, sizeof buffer, 0), 5);
  EXPECT_EQ(recv(client.fd(), buffer, sizeof buffer, 0), 0) << "a reset has overtaken the end";
}

TEST_F(AcceptorTest, AClientThatLeavesMakesRoomWhicheverWorkerHadIt) {
  config_.listeners[kWeb].max_connections = 2;
  ASSERT_TRUE(Listen());
  std::vector<TestSocket> clients;
  for (int i = 0; i < 2; ++i) clients.push_back(Connect(kWeb));
  EXPECT_NE(ConnectInVain(kWeb), "");
  for (const size_t worker : {1U, 0U}) {
    Leave(kWeb, worker);
    clients.push_back(Connect(kWeb));
    EXPECT_NE(ConnectInVain(kWeb), "") << "there was room for one";
  }
  Leave(kCache);
  EXPECT_NE(ConnectInVain(kWeb), "") << "another listener's room is not its";
  EXPECT_EQ(served_.back().client.id, 4U) << "who is refused takes no number";
}

TEST_F(AcceptorTest, DescriptorsLimitTheClientsOfAllListenersTogether) {
  ASSERT_TRUE(Listen(2));
  const TestSocket web = Connect(kWeb);
  const TestSocket cache = Connect(kCache);
  EXPECT_THAT(ConnectInVain(kWeb), StartsWith("-ERR "));
  EXPECT_THAT(ConnectInVain(kCache), StartsWith("ERROR "));
  Leave(kCache);
  const TestSocket next = Connect(kWeb);
  EXPECT_THAT(ConnectInVain(kCache), StartsWith("ERROR "));
}

TEST_F(AcceptorTest, DoesNotListenWhereItCannot) {
  config_.listeners[kCache].listen.unix_path = testing::TempDir() + "no_such_folder/socket";
  EXPECT_FALSE(Listen());
  const TestSocket taken(AF_INET, 0);
  ASSERT_EQ(net::BindTo(taken, net::Loopback(0)), 0);
  ASSERT_EQ(listen(taken.fd(), 1), 0);
  config_.listeners[kCache].listen = {"127.0.0.1", taken.port(), ""};
  EXPECT_FALSE(Listen());
}

TEST_F(AcceptorTest, AcceptsNobodyOnceItIsClosed) {
  ASSERT_TRUE(Listen());
  const TestSocket served = Connect(kWeb);
  acceptor_->Close();
  const TestSocket client(AF_UNIX, 0);
  EXPECT_NE(net::ConnectTo(client, net::LocalAddress(PathOf(kWeb))), 0);
  ASSERT_TRUE(Listen()) << "the places are free again";
  const TestSocket next = Connect(kWeb);
}

TEST_F(AcceptorTest, AClientThatCannotBeAcceptedIsCountedAndServedLater) {
  ASSERT_TRUE(Listen());
  const uint64_t before = backends::OwnTroubles(backends::Attempt::kAccept);
  const TestSocket client(AF_UNIX, 0);
  ASSERT_EQ(net::ConnectTo(client, net::LocalAddress(PathOf(kWeb))), 0);
  std::optional<net::NoDescriptors> no_descriptors(std::in_place);
  ASSERT_TRUE(RunUntil([&] { return backends::OwnTroubles(backends::Attempt::kAccept) > before; }));
  EXPECT_TRUE(served_.empty());  // A matcher's virtual calls are what UBSan opens a file for.
  no_descriptors.reset();
  EXPECT_TRUE(RunUntil([&] { return !served_.empty(); }));
}

}  // namespace
}  // namespace ringproxy::proxy
