#include "proxy/session/session_table.h"

#include <gmock/gmock.h>
#include <spdlog/spdlog.h>

#include "backends/sink_table.h"
#include "proxy/control/worker_stats.h"
#include "tests/support/fake_loop.h"
#include "tests/support/health_fixture.h"
#include "tests/support/test_snapshot.h"
#include "tests/support/test_view.h"

namespace ringproxy::proxy {
namespace {

using backends::Ticket;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using namespace std::chrono_literals;

// What a worker has around its sessions, for one node.
struct SessionTableParts final : private RefusalObserver {
  SessionTableParts(net::Loop& loop, WorkerStats& stats, SharedLimits& limits, ProxyView& view,
                    backends::BreakerObserver& observer, const std::shared_ptr<const Snapshot>& snapshot)
      : io{.loop = loop, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)},
        sinks(stats.errors),
        held(
            std::make_unique<HeldSnapshot>(snapshot, backends::PoolNode::PoolNodeParts{io, sinks, links, observer, 0})),
        fanout(io, sinks, stats.partial),
        retrier(io, sinks, stats.retries),
        watched_keys(1, sinks),
        limiter({.io = io, .shared = limits, .worker = 0, .sink = sinks, .observer = table}),
        dispatcher(fanout, retrier, watched_keys, sinks, static_cast<RefusalObserver&>(*this), client_io.scripts, loop),
        client_io{.io = io,
                  .held = held,
                  .dispatcher = dispatcher,
                  .executions = Executions(io, sinks),
                  .watches = Watches(sinks),
                  .waits = Waits(sinks, io, held),
                  .limiter = limiter,
                  .view = view,
                  .pool_stats = stats.pools,
                  .errors = stats.errors,
                  .turn = {},
                  .scratch = {},
                  .scripts = ScriptCalls(sinks, io.blocks, 0, {})},
        listener{0, snapshot->config.listeners[0], {}, stats.listeners[0]},
        table(client_io, stats.clients) {
    sinks.Set(Ticket::Kind::kSession, table);
    sinks.Set(Ticket::Kind::kSelect, table.selects());
    sinks.Set(Ticket::Kind::kLimit, limiter);
    sinks.Set(Ticket::Kind::kFollowed, watched_keys.sizes);
    retrier.Adopt(*snapshot);
    limiter.Adopt(*snapshot);
    dispatcher.Adopt(*snapshot);
    client_io.scripts.Adopt(*snapshot);
    for (backends::NodePool& pool : held->node_pools) pool.Connect();
  }
  void OnRefused(uint32_t, uint32_t, wire::ErrorCode) override {}

  backends::WorkerIo io;
  backends::SinkTable sinks;
  backends::FlushList links;
  std::unique_ptr<HeldSnapshot> held;
  Fanout fanout;
  Retrier retrier;
  WatchedKeys watched_keys;
  RateLimiter limiter;
  Dispatcher dispatcher;
  ClientIo client_io;
  ListenerContext listener;
  SessionTable table;
};

class SessionTableTest : public testing::Test {
 protected:
  static conf::Config OneNode() {
    conf::Config config;
    conf::Pool& pool = config.pools.emplace_back();
    pool.name = "main";
    pool.nodes = {{"r0", {"10.0.0.1", 1, ""}, 1}};
    conf::Listener& listener = config.listeners.emplace_back();
    listener.name = "web";
    listener.routes = {{"", "main"}};
    return config;
  }
  // Ten a second and one at a time; who comes too soon waits.
  static conf::Config LimitedNode() {
    conf::Config config = OneNode();
    conf::Limit& slow = config.limits.emplace_back();
    slow.name = "slow";
    slow.rate = {.amount = 10};
    slow.burst = 1;
    slow.action = conf::LimitAction::kDelay;
    slow.max_wait = 1s;
    conf::Limit& places = config.limits.emplace_back();
    places.name = "places";
    places.algorithm = conf::LimitAlgorithm::kConcurrency;
    places.requests_in_flight = 1;
    return config;
  }
  void Start(conf::Config config = OneNode()) {
    spdlog::set_level(spdlog::level::off);
    auto snapshot = MakeSnapshot(std::move(config));
    limits_.Compile(*snapshot);
    stats_ = std::make_unique<WorkerStats>(*snapshot);
    parts_ = std::make_unique<SessionTableParts>(loop_, *stats_, limits_, view_, observer_, snapshot);
    Node().observer->OnConnected(0);
    Node().Receive("+PONG\r\n");
    Node().TakeWritten();
  }
  SessionTable& table() { return parts_->table; }
  test::FakeSocket& Node() { return loop_.socket(0); }

  test::FakeSocket& NewClient(uint64_t id = 1) {
    table().Add(parts_->listener, proxy::NewClient(id, "127.0.0.1:50000"),
                [&](net::StreamObserver& observer) { return loop_.NewStream(observer); });
    return loop_.last_socket();
  }
  void WriteToTheNode() {
    for (size_t i = 0; i < parts_->links.size(); ++i) parts_->links[i]->Flush();
    parts_->links.clear();
  }
  // `idle`: as of Flush.
  void EndTurn(bool idle = true) {
    table().Resume();
    WriteToTheNode();
    table().Flush(idle);
    table().DeleteClosed();
  }
  void Serve(test::FakeSocket& client, const std::string& request) {
    client.Receive(request);
    EndTurn();
    EXPECT_EQ(Node().TakeWritten(), request);
    Node().Receive("$-1\r\n");
    EndTurn();
    EXPECT_EQ(client.TakeWritten(), "$-1\r\n");
  }
  void Leave(test::FakeSocket& client) {
    client.error = ECONNRESET;
    client.observer->OnReadable();
  }
  std::vector<uint64_t> Clients() {
    std::vector<uint64_t> ids;
    table().ForEach([&](Session& session) { ids.push_back(session.client().id); });
    return ids;
  }
  uint64_t Stale() const { return stats_->clients.stale_replies.value(); }

  static constexpr const char* kGet = "*2\r\n$3\r\nGET\r\n$1\r\nx\r\n";
  test::FakeLoop loop_;
  TestView view_;
  test::RecordingObserver observer_;
  SharedLimits limits_{1, 1};
  std::unique_ptr<WorkerStats> stats_;
  std::unique_ptr<SessionTableParts> parts_;
};

TEST_F(SessionTableTest, KnowsTheClientsThatAreThere) {
  Start();
  EXPECT_EQ(table().size(), 0U);
  NewClient(7);
  test::FakeSocket& second = NewClient(8);
  NewClient(9);
  EXPECT_THAT(Clients(), ElementsAre(7, 8, 9));
  EXPECT_EQ(stats_->clients.open.value(), 3U);
  second.ReceiveEnd();
  EndTurn();
  EXPECT_TRUE(second.closed());
  EXPECT_THAT(Clients(), ElementsAre(7, 9));
  EXPECT_EQ(table().size(), 2U);
  EXPECT_EQ(stats_->clients.open.value(), 2U);
}

TEST_F(SessionTableTest, BringsRepliesAndFailuresToThoseWhoAsked) {
  Start();
  test::FakeSocket& first = NewClient();
  test::FakeSocket& second = NewClient();
  first.Receive(kGet);
  second.Receive(kGet);
  EndTurn();
  Node().Receive("$1\r\na\r\n");
  EndTurn();
  EXPECT_EQ(first.TakeWritten(), "$1\r\na\r\n");
  EXPECT_EQ(second.TakeWritten(), "");
  Leave(Node());
  EndTurn();
  EXPECT_EQ(first.TakeWritten(), "");
  EXPECT_TRUE(second.TakeWritten().starts_with("-"));
  EXPECT_EQ(Stale(), 0U);
}

TEST_F(SessionTableTest, CountsWhatComesForAClientThatHasLeftAndGivesItToNobodyElse) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(std::string(kGet) + kGet + kGet);
  EndTurn();
  Leave(client);
  Node().Receive("$1\r\na\r\n");
  EXPECT_EQ(Stale(), 1U) << "it is closed, though not deleted yet";
  EndTurn();
  Node().Receive("$1\r\nb\r\n");
  EXPECT_EQ(Stale(), 2U) << "its place is empty";
  test::FakeSocket& next = NewClient();
  next.Receive(kGet);
  EndTurn();
  Leave(Node());
  EndTurn();
  EXPECT_EQ(Stale(), 3U) << "its place is another's";
  EXPECT_EQ(std::ranges::count(next.written, '-'), 1) << "one failure, for the one request";
}

TEST_F(SessionTableTest, AClientThatLeftWhileItsRequestWaitedGivesItsPlaceBack) {
  Start(LimitedNode());
  test::FakeSocket& client = NewClient();
  Serve(client, kGet);
  client.Receive(kGet);
  EndTurn();
  Leave(client);
  EndTurn();
  loop_.Advance(100ms);  // It is let through, and nobody sends it.
  EndTurn();
  EXPECT_EQ(Node().TakeWritten(), "");
  EXPECT_EQ(parts_->limiter.followed(), 0U);
  EXPECT_EQ(Stale(), 1U);
  loop_.Advance(1s);
  test::FakeSocket& next = NewClient();
  next.Receive(kGet);
  EndTurn();
  EXPECT_EQ(Node().TakeWritten(), kGet) << "there is a place for it";
}

TEST_F(SessionTableTest, TellsWhatTheLimitsSayToThoseWhoWaitAndAreStillThere) {
  Start(LimitedNode());
  test::FakeSocket& passed = NewClient();
  Serve(passed, kGet);
  passed.Receive(kGet);
  EndTurn();
  test::FakeSocket& refused = NewClient();
  refused.Receive(kGet);
  test::FakeSocket& gone = NewClient();
  gone.Receive(kGet);
  EndTurn();
  Leave(gone);
  EndTurn();
  EXPECT_EQ(Node().TakeWritten(), "") << "all of them wait";
  loop_.Advance(100ms);
  EndTurn();
  EXPECT_EQ(Node().TakeWritten(), kGet);
  loop_.Advance(200ms);  // The one that has passed has the only place.
  EndTurn();
  EXPECT_EQ(Node().TakeWritten(), "");
  EXPECT_THAT(refused.TakeWritten(), AllOf(StartsWith("-RATELIMITED "), HasSubstr("limit=places")));
  EXPECT_EQ(passed.TakeWritten(), "");
  EXPECT_EQ(Stale(), 1U);
}

TEST_F(SessionTableTest, DrainsByClosingEachOnceItHasItsReplies) {
  Start();
  test::FakeSocket& idle = NewClient();
  test::FakeSocket& busy = NewClient();
  busy.Receive(kGet);
  EndTurn();
  table().Drain();
  EndTurn();
  EXPECT_TRUE(idle.closed());
  EXPECT_FALSE(busy.closed());
  Node().Receive("$-1\r\n");
  EndTurn();
  EXPECT_EQ(busy.written, "$-1\r\n");
  EXPECT_TRUE(busy.closed());
  EXPECT_EQ(table().size(), 0U);
}

TEST_F(SessionTableTest, ResumesThoseWhomAFullQueueHadStopped) {
  conf::Config config = OneNode();
  config.listeners[0].limits.requests_in_flight = 1;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  client.Receive(std::string(kGet) + kGet);
  EndTurn();
  EXPECT_EQ(Node().TakeWritten(), kGet);
  Node().Receive("$-1\r\n");
  EXPECT_TRUE(table().has_more());
  table().Resume();
  WriteToTheNode();
  EXPECT_EQ(Node().TakeWritten(), kGet) << "in the same turn";
}

TEST_F(SessionTableTest, HoldsHalfABatchWhileMoreMayComeSoon) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(std::string(kGet) + kGet);
  EndTurn(false);
  EXPECT_FALSE(table().has_more());
  Node().Receive("$1\r\na\r\n");
  EndTurn(false);
  EXPECT_EQ(client.written, "");
  EXPECT_TRUE(table().has_more());
  Node().Receive("$1\r\nb\r\n");
  EndTurn(false);
  EXPECT_EQ(client.TakeWritten(), "$1\r\na\r\n$1\r\nb\r\n");
  EXPECT_EQ(client.writes, 1U);
  EXPECT_FALSE(table().has_more());
}

TEST_F(SessionTableTest, HoldsNothingOnceATurnHasBroughtNothing) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(std::string(kGet) + kGet);
  EndTurn(false);
  Node().Receive("$1\r\na\r\n");
  EndTurn(true);
  EXPECT_EQ(client.written, "") << "something came in this turn";
  EndTurn(true);
  EXPECT_EQ(client.written, "$1\r\na\r\n");
}

TEST_F(SessionTableTest, WhoLeavesWhileItsOutputIsHeldHasNothingToDoInTheNextTurn) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(std::string(kGet) + kGet);
  EndTurn(false);
  Node().Receive("$1\r\na\r\n");
  EndTurn(false);
  EXPECT_TRUE(table().has_more());
  Leave(client);
  table().DeleteClosed();
  EXPECT_FALSE(table().has_more());
  EXPECT_EQ(table().size(), 0U);
}

TEST_F(SessionTableTest, CutsOffThoseWhoHoldMostUntilEnoughIsGivenUp) {
  Start();
  const auto half_a_request = [](size_t bytes) { return "*2\r\n$3\r\nGET\r\n$60000\r\n" + std::string(bytes, 'x'); };
  test::FakeSocket& small = NewClient();
  small.Receive(half_a_request(1'000));
  test::FakeSocket& large = NewClient();
  large.Receive(half_a_request(20'000));
  test::FakeSocket& largest = NewClient();
  largest.Receive(half_a_request(50'000));
  test::FakeSocket& gone = NewClient();
  gone.Receive(half_a_request(50'000));
  Leave(gone);
  table().CutOffLargest(0);
  EXPECT_EQ(table().size(), 3U) << "who has left is deleted, and nobody else";
  table().CutOffLargest(1);
  EXPECT_TRUE(largest.closed());
  EXPECT_FALSE(large.closed());
  EXPECT_EQ(stats_->listeners[0].cut_off.value(), 1U);
  table().CutOffLargest(UINT64_MAX);
  EXPECT_TRUE(large.closed());
  EXPECT_FALSE(small.closed()) << "it is not to blame";
  EXPECT_EQ(stats_->listeners[0].cut_off.value(), 2U);
  EXPECT_EQ(table().size(), 1U);
}

TEST_F(SessionTableTest, ClosesThoseWhoAreIdleForTooLong) {
  conf::Config config = OneNode();
  config.listeners[0].idle_timeout = 2s;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  loop_.Advance(1s);
  client.Receive("PING\r\n");
  EndTurn();
  loop_.Advance(1s);
  table().Tick(loop_.now());
  EndTurn();
  EXPECT_FALSE(client.closed());
  loop_.Advance(1s);
  table().Tick(loop_.now());
  table().Tick(loop_.now());
  EndTurn();
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(stats_->listeners[0].closed.value(), 1U);
}

TEST_F(SessionTableTest, AllClientsEndWithIt) {
  Start();
  test::FakeSocket& idle = NewClient();
  test::FakeSocket& busy = NewClient();
  busy.Receive(kGet);
  EndTurn();
  parts_.reset();
  EXPECT_TRUE(idle.closed());
  EXPECT_TRUE(busy.closed());
  EXPECT_EQ(stats_->clients.open.value(), 0U);
  EXPECT_EQ(stats_->listeners[0].closed.value(), 2U);
}

}  // namespace
}  // namespace ringproxy::proxy
