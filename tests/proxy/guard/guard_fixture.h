// tests/proxy/guard/guard_fixture.h – What the parts of the limits stand on: compiled limits, a fake loop, and a store
// that is a socket which the test plays by hand.
#pragma once

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/wire/resp_request.h"
#include "proxy/guard/shared_limits.h"
#include "tests/proxy/guard/limit_fixture.h"
#include "tests/support/fake_loop.h"
#include "tests/support/health_fixture.h"
#include "tests/support/test_snapshot.h"

namespace ringproxy::proxy {

using backends::Ticket;

class GuardFixture : public testing::Test, protected backends::ReplySink {
 protected:
  using Words = std::vector<std::string>;

  static conf::Limit Delaying(conf::Limit limit, net::Duration max_wait, uint32_t max_waiting = 1000) {
    limit.action = conf::LimitAction::kDelay;
    limit.max_wait = max_wait;
    limit.max_waiting = max_waiting;
    return limit;
  }
  static conf::Limit Failing(conf::Limit limit, conf::StoreFailure on_failure) {
    limit.on_store_failure = on_failure;
    return limit;
  }
  static conf::Limit Shadow(conf::Limit limit) {
    limit.action = conf::LimitAction::kShadow;
    return limit;
  }
  static conf::Limit PerClient(conf::Limit limit) {
    limit.per = {"client_ip"};
    return limit;
  }

  // In place of what was held before; its store is connected.
  void Hold(std::vector<conf::Limit> limits) { Hold(LimitedFleet(std::move(limits))); }
  void Hold(conf::Config config) {
    spdlog::set_level(spdlog::level::off);
    held_.reset();
    // Times near zero are like no others.
    loop_.Advance(std::chrono::hours(1));
    auto snapshot = MakeSnapshot(std::move(config));
    shared_.emplace(1, 1);
    shared_->Compile(*snapshot);
    snapshot_ = snapshot;
    for (const LimitRule& rule : snapshot_->limits->rules()) rule.record->state(0).leases.Adopt(rule);
    const auto first_socket = loop_.sockets();
    const backends::PoolNode::PoolNodeParts parts{io_, *this, flush_list_, observer_, 0};
    held_ = std::make_unique<HeldSnapshot>(snapshot_, parts);
    for (auto& pool : held_->node_pools) pool.Connect();
    store_socket_ = first_socket + AllNodes(*snapshot_).size() - 1;
    Store().observer->OnConnected(0);
    Store().Receive("+PONG\r\n");
    Store().TakeWritten();
  }

  const LimitRule& Rule(uint32_t rule) const { return snapshot_->limits->rules()[rule]; }
  LimitState& State(uint32_t rule = 0) { return Rule(rule).record->state(0); }
  LimitStats& Stats(uint32_t rule = 0) { return State(rule).stats; }
  // The share of its one bucket that a limit without `per` has used.
  double Used(uint32_t rule) {
    return Rule(rule).record->table().Used(snapshot_->limits->OnlyBucket(), Rule(rule).terms.bucket,
                                           std::chrono::nanoseconds(loop_.now().time_since_epoch()).count());
  }
  // What the limits charge for a request, which is gone by then; so its keys cannot be looked at.
  std::vector<Charge> ChargesFor(std::string_view line, const ClientIdentity& client = Client(1)) const {
    const Asked asked(kWeb, line, client);
    wire::KeyPositions keys;
    std::vector<Charge> charges;
    snapshot_->limits->Match(asked, &keys, &charges);
    for (Charge& charge : charges) charge.key = {};
    return charges;
  }
  // Of the one limit that there is.
  Charge ChargeFor(std::string_view line, const ClientIdentity& client = Client(1)) const {
    return ChargesFor(line, client).at(0);
  }

  void Advance(net::Duration by) {
    loop_.Advance(by);
    Flush();
  }
  void Flush() {
    for (size_t i = 0; i < flush_list_.size(); ++i) flush_list_[i]->Flush();
    flush_list_.clear();
  }

  test::FakeSocket& Store() { return loop_.socket(store_socket_); }
  // What the store was asked since the last call.
  std::vector<Words> TakeQuestions() {
    Flush();
    std::vector<Words> questions;
    std::string written = Store().TakeWritten();
    wire::RequestParser parser{wire::Limits{}};
    while (!written.empty() && parser.Parse(written) == wire::RequestParser::RespStatus::kRequest) {
      Words& words = questions.emplace_back();
      for (size_t i = 0; i < parser.request().size(); ++i) words.emplace_back(parser.request()[i]);
      written.erase(0, parser.size());
      parser.Reset();
    }
    EXPECT_EQ(written, "");
    return questions;
  }
  // Of a question that asks for tokens.
  static const std::string& Key(const Words& question) { return question.at(3); }
  static uint64_t Want(const Words& question) { return std::stoull(question.at(7)); }
  static uint64_t Least(const Words& question) { return std::stoull(question.at(8)); }
  static uint64_t Debt(const Words& question) { return std::stoull(question.at(9)); }
  static bool IsAfterOutage(const Words& question) { return question.at(11) == "1"; }
  void Answer(const std::string& reply) {
    Flush();
    Store().Receive(reply);
    Flush();
  }
  void Grant(uint64_t granted, int64_t retry_us = 0, int used = 0) {
    Answer("*3\r\n:" + std::to_string(granted) + "\r\n:" + std::to_string(retry_us) + "\r\n:" + std::to_string(used) +
           "\r\n");
  }
  void LoseStore() {
    Store().end_of_stream = true;
    Store().observer->OnReadable();
    // It was connected to once more at once.
    loop_.last_socket().observer->OnConnected(ECONNREFUSED);
  }

  // The next attempt to connect to it succeeds.
  void FindStore() {
    const uint16_t port = Store().endpoint.port;
    size_t next = loop_.sockets();
    while (next == loop_.sockets() || loop_.socket(next).endpoint.port != port) {
      if (next < loop_.sockets()) {
        ++next;
      } else {
        Advance(std::chrono::milliseconds(100));
      }
    }
    store_socket_ = next;
    Store().observer->OnConnected(0);
    Store().TakeWritten();
    Store().Receive("+PONG\r\n");
    Flush();
  }

  // The store's answers.
  void OnReply(Ticket ticket, backends::Reply&& reply) override { store_sink_->OnReply(ticket, std::move(reply)); }
  void OnFailure(Ticket ticket, const wire::Failure& failure) override { store_sink_->OnFailure(ticket, failure); }

  test::FakeLoop loop_;
  backends::WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  std::shared_ptr<const Snapshot> snapshot_;
  test::RecordingObserver observer_;
  std::optional<SharedLimits> shared_;
  backends::FlushList flush_list_;
  std::unique_ptr<HeldSnapshot> held_;
  size_t store_socket_ = 0;
  backends::ReplySink* store_sink_ = nullptr;  // Of whoever asks the store.
};

}  // namespace ringproxy::proxy
