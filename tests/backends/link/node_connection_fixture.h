// tests/backends/link/node_connection_fixture.h – A node connection on a fake loop, with its guard, a board and a sink
// that remembers.
#pragma once

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "backends/link/node_connection.h"
#include "tests/backends/link/recording_sink.h"
#include "tests/support/fake_loop.h"
#include "tests/support/health_fixture.h"

namespace ringproxy::backends {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

class NodeConnectionTest : public testing::Test {
 protected:
  NodeConnectionTest() {
    spdlog::set_level(spdlog::level::off);
    settings_.pool = "pool";
    settings_.node = "r1";
    settings_.timeouts = {.connect = milliseconds(500), .request = milliseconds(100)};
    settings_.reconnect = {.initial = milliseconds(50), .max = milliseconds(400)};
  }
  ~NodeConnectionTest() override { EXPECT_EQ(stats_.in_flight.value(), connection_ ? connection_->in_flight() : 0); }

  NodeConnection& Make() {
    connection_.reset();
    flush_list_.clear();  // It may stand there.
    guard_ = std::make_unique<NodeGuard>(
        NodeGuard::GuardParts{
            .io = io_,
            .settings = settings_,
            .verdict = health_.records[0]->verdict(),
            .stats = stats_,
            .observer = health_.observer,
            .node = health_.records[0],
        },
        [this] {
          ++probes_;
          if (connection_->state() == LinkState::kReady) Probe();
        },
        [] {});
    connection_ = std::make_unique<NodeConnection>(NodeLink::LinkParts{io_, settings_, flush_list_, stats_, pushes_},
                                                   *guard_, sink_, flavour_);
    return *connection_;
  }
  // A connection whose handshake is done.
  NodeConnection& MakeReady() {
    Make().Connect();
    FinishHandshake();
    return *connection_;
  }
  void FinishHandshake() {
    Node().observer->OnConnected(0);
    EXPECT_EQ(Node().TakeWritten(), "*1\r\n$4\r\nPING\r\n");
    Node().Receive("+PONG\r\n");
    EXPECT_EQ(connection_->state(), LinkState::kReady);
    FlushAll();
  }
  test::FakeSocket& Node() { return loop_.last_socket(); }
  void Send(uint32_t slot, std::string_view request = "*1\r\n$1\r\nx\r\n") {
    connection_->Send(request, Ticket{0, 0, slot, Ticket::Kind::kSession});
  }
  void SendScript(uint32_t slot) {
    connection_->Send("*1\r\n$1\r\ns\r\n", Ticket{0, 0, slot, Ticket::Kind::kSession}, wire::Work::kScript);
  }
  void Probe() { connection_->Send("*1\r\n$4\r\nPING\r\n", Ticket{.kind = Ticket::Kind::kInternal}); }
  void FlushAll() {
    for (size_t i = 0; i < flush_list_.size(); ++i) flush_list_[i]->Flush();
    flush_list_.clear();
  }

  test::FakeLoop loop_;
  WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  NodeSettings settings_;
  RecordingSink sink_;
  FlushList flush_list_;
  size_t probes_ = 0;  // That the guard asked for.
  NodeStats stats_;
  PushCounter pushes_{stats_};
  Flavour flavour_;
  test::Health health_{1};
  std::unique_ptr<NodeGuard> guard_;
  std::unique_ptr<NodeConnection> connection_;
};

}  // namespace ringproxy::backends
