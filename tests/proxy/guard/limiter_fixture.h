// tests/proxy/guard/limiter_fixture.h – A RateLimiter on a fake loop; its store is a socket that the test plays by
// hand.
#pragma once

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <map>
#include <memory>
#include <optional>

#include "backends/wire/resp_request.h"
#include "proxy/guard/rate_limiter.h"
#include "tests/proxy/guard/limit_fixture.h"
#include "tests/support/fake_loop.h"
#include "tests/support/health_fixture.h"
#include "tests/support/test_snapshot.h"

namespace ringproxy::proxy {

using backends::Ticket;

class LimiterFixture : public testing::Test, protected backends::ReplySink, protected RateLimiter::Observer {
 protected:
  using Verdict = RateLimiter::Verdict;
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

  // What became of requests, by the number that Admit has given them.
  struct Events {
    std::vector<uint32_t> admitted;  // After a wait.
    std::vector<uint32_t> refused;   // After a wait.
    std::vector<uint32_t> replied;
    std::vector<uint32_t> failed;
    bool operator==(const Events&) const = default;
  };

  void Make(std::vector<conf::Limit> limits) { Make(LimitedFleet(std::move(limits))); }
  void Make(conf::Config config) {
    spdlog::set_level(spdlog::level::off);
    limiter_.reset();
    held_.reset();
    // Times near zero are like no others.
    loop_.Advance(std::chrono::hours(1));
    auto snapshot = MakeSnapshot(std::move(config));
    shared_.emplace(1, 1);
    shared_->Compile(*snapshot);
    snapshot_ = snapshot;
    const auto first_socket = loop_.sockets();
    const backends::PoolNode::PoolNodeParts parts{io_, *this, flush_list_, observer_, 0};
    held_ = std::make_unique<HeldSnapshot>(snapshot_, parts);
    for (auto& pool : held_->node_pools) pool.Connect();
    store_socket_ = first_socket + AllNodes(*snapshot_).size() - 1;
    Store().observer->OnConnected(0);
    Store().Receive("+PONG\r\n");
    Store().TakeWritten();
    limiter_.emplace(Parts());
    limiter_->Adopt(*snapshot_);
  }
  // Of a worker's limiter.
  RateLimiter::LimiterParts Parts() {
    return {.io = io_, .shared = *shared_, .worker = 0, .sink = *this, .observer = *this};
  }

  // Its request is number next_ - 1.
  Verdict Admit(std::string_view line, const ClientIdentity& client = Client(1), uint32_t listener = kWeb) {
    const Asked asked(listener, line, client);
    Ticket ticket{0, 0, next_, Ticket::Kind::kSession};
    admitting_ = true;
    decision_ = limiter_->Admit(*held_, asked, &ticket);
    admitting_ = false;
    if (decision_.verdict == Verdict::kAdmitted) tickets_[next_] = ticket;
    ++next_;
    Flush();
    return decision_.verdict;
  }
  // How many of `count` in a row are admitted at once.
  int Admitted(int count, std::string_view line, const ClientIdentity& client = Client(1)) {
    int admitted = 0;
    for (int i = 0; i < count; ++i) admitted += Admit(line, client) == Verdict::kAdmitted ? 1 : 0;
    return admitted;
  }
  // Of the request that was admitted last.
  const Ticket& Last() { return tickets_.rbegin()->second; }
  void Reply(uint32_t number, std::string_view reply = "+OK\r\n") {
    const Ticket ticket = tickets_.at(number);
    OnReply(ticket, backends::Reply(reply));
    Flush();
  }
  Events TakeEvents() { return std::exchange(events_, {}); }
  // The share of its one bucket that a limit without `per` has used.
  double Used(uint32_t rule) {
    return Rule(rule).record->table().Used(snapshot_->limits->OnlyBucket(), Rule(rule).terms.bucket,
                                           std::chrono::nanoseconds(loop_.now().time_since_epoch()).count());
  }
  const LimitRule& Rule(uint32_t rule) const { return snapshot_->limits->rules()[rule]; }
  LimitStats& Stats(uint32_t rule = 0) { return Rule(rule).record->state(0).stats; }

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
  static uint64_t Want(const Words& question) { return std::stoull(question.at(7)); }
  static uint64_t Debt(const Words& question) { return std::stoull(question.at(9)); }
  void Answer(const std::string& reply) {
    Store().Receive(reply);
    Flush();
  }
  void Grant(uint64_t granted, int64_t retry_us = 0, int used = 0) {
    Answer("*3\r\n:" + std::to_string(granted) + "\r\n:" + std::to_string(retry_us) + "\r\n:" + std::to_string(used) +
           "\r\n");
  }
  // The store has no tokens left for the lease of a slow limit, and has said so.
  void EmptyLease() {
    Admit("get x");
    Grant(0, 0, 1000);
    TakeQuestions();
  }
  void LoseStore() {
    Store().end_of_stream = true;
    Store().observer->OnReadable();
    // It was connected to once more at once.
    loop_.last_socket().observer->OnConnected(ECONNREFUSED);
  }

  void OnReply(Ticket ticket, backends::Reply&& reply) override {
    if (backends::ReplySink* sink = SinkOf(ticket)) return sink->OnReply(ticket, std::move(reply));
    events_.replied.push_back(ticket.slot);
  }
  void OnFailure(Ticket ticket, const wire::Failure& failure) override {
    if (backends::ReplySink* sink = SinkOf(ticket)) return sink->OnFailure(ticket, failure);
    events_.failed.push_back(ticket.slot);
  }
  void OnAdmitted(Ticket waiting, Ticket use) override {
    EXPECT_FALSE(admitting_);
    events_.admitted.push_back(waiting.slot);
    tickets_[waiting.slot] = use;
  }
  void OnRefused(Ticket waiting, const RateLimiter::Decision& decision) override {
    EXPECT_FALSE(admitting_);
    events_.refused.push_back(waiting.slot);
    decision_ = decision;
  }
  // The limiter's, of its tickets.
  backends::ReplySink* SinkOf(Ticket ticket) {
    if (ticket.kind == Ticket::Kind::kLimit) return &*limiter_;
    return ticket.kind == Ticket::Kind::kStore ? &limiter_->store() : nullptr;
  }

  test::FakeLoop loop_;
  backends::WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  std::shared_ptr<const Snapshot> snapshot_;
  test::RecordingObserver observer_;
  std::optional<SharedLimits> shared_;
  backends::FlushList flush_list_;
  std::unique_ptr<HeldSnapshot> held_;
  std::optional<RateLimiter> limiter_;
  size_t store_socket_ = 0;
  uint32_t next_ = 0;
  bool admitting_ = false;
  RateLimiter::Decision decision_;
  std::map<uint32_t, Ticket> tickets_;
  Events events_;
};

}  // namespace ringproxy::proxy
