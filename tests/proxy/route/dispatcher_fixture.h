// tests/proxy/route/dispatcher_fixture.h – A dispatcher over three pools, whose nodes are sockets of a fake loop.
#pragma once

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <optional>

#include "backends/wire/resp_request.h"
#include "proxy/route/dispatcher.h"
#include "tests/support/fake_loop.h"
#include "tests/support/health_fixture.h"
#include "tests/support/test_snapshot.h"

namespace ringproxy::proxy {

using backends::Ticket;
using backends::Verdict;
using Words = std::vector<std::string>;

inline conf::Config ThreePools() {
  conf::Config config;
  for (const auto& [name, nodes] : {std::pair{"main", 2}, {"carts", 1}, {"unreached", 1}}) {
    conf::Pool& pool = config.pools.emplace_back();
    pool.name = name;
    for (int i = 0; i < nodes; ++i) pool.nodes.push_back({name + std::to_string(i), {"10.0.0.1", 1, ""}, 1});
  }
  conf::Listener& listener = config.listeners.emplace_back();
  listener.limits.key_bytes = 100;
  listener.routes = {{"cart:", "carts"}, {"", "main"}};
  return config;
}

// The worker's part of the sink: children go back to the fan-out.
class Sink final : public backends::ReplySink {
 public:
  void OnReply(Ticket ticket, backends::Reply&& reply) override {
    if (ticket.kind == Ticket::Kind::kRetry) return retrier->OnReply(ticket, std::move(reply));
    if (ticket.kind == Ticket::Kind::kFanout) return fanout->OnReply(ticket, std::move(reply));
    if (ticket.kind == Ticket::Kind::kFollowed) return sizes->OnReply(ticket, std::move(reply));
    if (ticket.kind == Ticket::Kind::kExpiry) return stand_ins->OnReply(ticket, std::move(reply));
    if (ticket.kind == Ticket::Kind::kTransaction) return executions->OnReply(ticket, std::move(reply));
    if (ticket.kind == Ticket::Kind::kExecutionPart) return parts->OnReply(ticket, std::move(reply));
    if (ticket.kind == Ticket::Kind::kScript) return scripts->OnReply(ticket, std::move(reply));
    if (ticket.kind == Ticket::Kind::kLibrary) return libraries->OnReply(ticket, std::move(reply));
    replies.push_back(std::string(reply.bytes()));
  }
  void OnFailure(Ticket ticket, const wire::Failure& failure) override {
    if (ticket.kind == Ticket::Kind::kRetry) return retrier->OnFailure(ticket, failure);
    if (ticket.kind == Ticket::Kind::kFanout) return fanout->OnFailure(ticket, failure);
    if (ticket.kind == Ticket::Kind::kFollowed) return sizes->OnFailure(ticket, failure);
    if (ticket.kind == Ticket::Kind::kExpiry) return stand_ins->OnFailure(ticket, failure);
    if (ticket.kind == Ticket::Kind::kTransaction) return executions->OnFailure(ticket, failure);
    if (ticket.kind == Ticket::Kind::kExecutionPart) return parts->OnFailure(ticket, failure);
    if (ticket.kind == Ticket::Kind::kScript) return scripts->OnFailure(ticket, failure);
    if (ticket.kind == Ticket::Kind::kLibrary) return libraries->OnFailure(ticket, failure);
    replies.push_back(std::string(wire::ErrorName(failure.code)));
  }

  Fanout* fanout = nullptr;
  Retrier* retrier = nullptr;
  KeySizes* sizes = nullptr;
  backends::ReplySink* stand_ins = nullptr;
  backends::ReplySink* executions = nullptr;
  backends::ReplySink* parts = nullptr;
  ScriptCalls* scripts = nullptr;
  LibraryLoads* libraries = nullptr;
  std::vector<std::string> replies;
};

class DispatcherTest : public testing::Test {
 protected:
  DispatcherTest() : DispatcherTest(ThreePools()) {}
  explicit DispatcherTest(conf::Config config) : config_(std::move(config)) {
    spdlog::set_level(spdlog::level::off);
    Make();
  }

  // Anew, of config_, with every node ready.
  void Make() {
    dispatcher_.reset();
    scripts_.reset();
    retrier_.reset();
    held_.reset();
    snapshot_ = MakeSnapshot(config_);
    nodes_ = AllNodes(*snapshot_);
    fanout_.emplace(io_, sink_, partial_);
    watched_keys_.emplace(snapshot_->pools.size(), sink_);
    sink_.sizes = &watched_keys_->sizes;
    retry_stats_ = std::vector<RetryStats>(snapshot_->pools.size());
    sink_.fanout = &*fanout_;
    const backends::PoolNode::PoolNodeParts parts{io_, sink_, flush_list_, observer_, 0};
    held_ = std::make_unique<HeldSnapshot>(snapshot_, parts);
    first_socket_ = loop_.sockets();
    for (auto& pool : held_->node_pools) pool.Connect();
    for (size_t i = 0; i < nodes_.size(); ++i) {
      Node(i).observer->OnConnected(0);
      Node(i).Receive("+PONG\r\n");
      Node(i).TakeWritten();
    }
    retrier_ = std::make_unique<Retrier>(io_, sink_, retry_stats_);
    retrier_->Adopt(*snapshot_);
    sink_.retrier = retrier_.get();
    scripts_.emplace(sink_, io_.blocks, 0, script_posts_);
    scripts_->Adopt(*snapshot_);
    sink_.scripts = &*scripts_;
    dispatcher_.emplace(*fanout_, *retrier_, *watched_keys_, sink_, refusals_, *scripts_, loop_);
    sink_.stand_ins = &dispatcher_->expiries();
    sink_.libraries = &dispatcher_->whole_fleet().libraries();
    dispatcher_->Adopt(*snapshot_);
  }

  static std::string Encode(const Words& arguments) {
    std::string out = "*" + std::to_string(arguments.size()) + "\r\n";
    for (const std::string& a : arguments) out += "$" + std::to_string(a.size()) + "\r\n" + a + "\r\n";
    return out;
  }
  void Dispatch(const Words& arguments, bool has_priority = false, uint32_t lane = 0) {
    encoded_ = Encode(arguments);
    ASSERT_EQ(parser_.Parse(encoded_), wire::RequestParser::RespStatus::kRequest);
    const wire::Request request = parser_.request();
    RoutedRequest routed{*wire::FindRedisCommand(request), request, {}};
    routed.has_priority = has_priority;
    dispatcher_->Dispatch(routed, {*held_, 0, lane}, {0, 0, 0, Ticket::Kind::kSession});
    FlushAll();
  }
  uint32_t PoolOf(const Words& arguments) {
    encoded_ = Encode(arguments);
    EXPECT_EQ(parser_.Parse(encoded_), wire::RequestParser::RespStatus::kRequest);
    const wire::Request request = parser_.request();
    return dispatcher_->PoolOf({*wire::FindRedisCommand(request), request, {}}, (*held_)->listeners[0]);
  }
  void FlushAll() {
    for (auto* connection : flush_list_) connection->Flush();
    flush_list_.clear();
  }
  Words TakeReplies() { return std::exchange(sink_.replies, {}); }
  // Nodes that were sent something new, in order.
  std::vector<size_t> Asked() {
    std::vector<size_t> asked;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (!Node(i).TakeWritten().empty()) asked.push_back(i);
    }
    return asked;
  }
  conf::Pool& pool(size_t i) { return config_.pools[i]; }
  // Nodes are counted over all pools.
  void Publish(uint32_t node, Verdict verdict) { nodes_[node]->Publish(verdict); }
  void Eject(uint32_t node) { Publish(node, Verdict::kEjected); }
  backends::NodeStats& Stats(uint32_t node) { return nodes_[node]->stats(0); }
  test::FakeSocket& Node(size_t i) { return loop_.socket(first_socket_ + i); }
  std::string KeyOf(uint32_t node, const std::string& prefix = "k") {
    for (int i = 0;; ++i) {
      std::string key = prefix + std::to_string(i);
      if (RouteKey(*snapshot_, snapshot_->listeners[0], key) == NodeId{0, node}) return key;
    }
  }

  test::FakeLoop loop_;
  backends::WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  conf::Config config_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::vector<std::shared_ptr<backends::NodeRecord>> nodes_;
  test::RecordingObserver observer_;
  size_t first_socket_ = 0;
  backends::FlushList flush_list_;
  Sink sink_;
  PartialStats partial_;
  std::optional<Fanout> fanout_;
  std::optional<WatchedKeys> watched_keys_;
  std::unique_ptr<HeldSnapshot> held_;
  std::vector<RetryStats> retry_stats_;
  std::unique_ptr<Retrier> retrier_;
  struct Refusals final : RefusalObserver {
    void OnRefused(uint32_t, uint32_t, wire::ErrorCode code) override { codes.push_back(code); }
    std::vector<wire::ErrorCode> codes;
  };
  Refusals refusals_;
  ScriptPosts script_posts_;
  std::optional<ScriptCalls> scripts_;
  std::optional<Dispatcher> dispatcher_;
  wire::RequestParser parser_{wire::Limits{}};
  std::string encoded_;
};

}  // namespace ringproxy::proxy
