// tests/proxy/control/health_monitor_fixture.h – A health monitor and four nodes whose answers to its checks a test
// decides.
#pragma once

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <optional>
#include <random>

#include "proxy/control/health_monitor.h"
#include "tests/support/fake_loop.h"
#include "tests/support/test_snapshot.h"

namespace ringproxy::proxy {

using backends::NodeOrder;
using backends::NodeState;
using backends::TripReason;
using backends::Verdict;
using Breaker = backends::CircuitBreaker::BreakerState;
using Words = std::vector<std::string>;
using namespace std::chrono_literals;

// Time moves by the millisecond.
class HealthMonitorTest : public testing::Test {
 protected:
  static constexpr uint32_t kNodes = 4;

  struct Far {
    std::string answer = "+PONG\r\n";  // Empty: it hangs.
    std::string hello_answer = "-ERR unknown command 'HELLO'\r\n";
    std::string flush_answer = "+OK\r\n";
    int own_trouble = 0;  // Why this process does not get that far.
    bool refuses = false;
    size_t checks = 0;   // Answered or not.
    size_t flushes = 0;  // Answered.
  };

  HealthMonitorTest() {
    spdlog::set_level(spdlog::level::off);
    conf::Pool& pool = config_.pools.emplace_back();
    pool.name = "main";
    for (uint16_t i = 0; i < kNodes; ++i) pool.nodes.push_back({"r" + std::to_string(i), {"10.0.0.1", i, ""}, 1});
    conf::Listener& listener = config_.listeners.emplace_back();
    listener.name = "web";
    listener.routes = {{"", "main"}};
  }
  conf::Pool& pool() { return config_.pools[0]; }

  HealthMonitor& Make() {
    monitor_.reset();
    registry_ = backends::NodeRegistry(2);
    snapshot_ = MakeSnapshot(config_, registry_);
    const auto note = [this](const char* what) {
      return [this, what](const std::shared_ptr<backends::NodeRecord>& node) {
        orders_.push_back(what + node->name().substr(1));
      };
    };
    monitor_.emplace(loop_, *snapshot_, 1,
                     HealthMonitor::WorkerOrders{note("hurry "), note("distrust "), note("disable "), note("enable ")});
    return *monitor_;
  }
  // Of the pool as it is now; nodes are known by their names from now on.
  void Adopt() {
    snapshot_ = MakeSnapshot(config_, registry_);
    monitor_->Adopt(*snapshot_);
  }
  // All checks have gone well once.
  HealthMonitor& MakeChecked() {
    Make().Start();
    Run(2s);
    orders_.clear();
    return *monitor_;
  }

  void Run(net::Duration time) {
    for (const net::TimePoint end = loop_.now() + time; loop_.now() < end; loop_.Advance(1ms)) Act();
    Act();
  }
  void Act() {
    loop_.VisitOpen([this](size_t number, test::FakeSocket& socket) {
      if (number >= connected_.size()) connected_.resize(number + 1);
      ActOn(socket, number);
    });
  }
  void ActOn(test::FakeSocket& socket, size_t i) {
    Far& far = socket.endpoint.port < kNodes ? far_[socket.endpoint.port] : other_;
    if (!connected_[i]) {
      if (far.answer.empty()) return;
      connected_[i] = true;
      return socket.observer->OnConnected(far.refuses ? ECONNREFUSED : far.own_trouble);
    }
    const std::string written = socket.TakeWritten();
    if (written.empty()) return;
    if (written.starts_with("*1\r\n$5\r\nHELLO\r\n")) return socket.Receive(far.hello_answer + "+OK\r\n*0\r\n");
    const bool flush = written.find("FLUSHALL") != std::string::npos;
    ++(flush ? far.flushes : far.checks);
    socket.Receive(flush ? far.flush_answer : far.answer);
  }

  void News(uint32_t worker, uint32_t node, Breaker state, TripReason reason = TripReason::kTimeouts,
            const std::string& detail = "") {
    monitor_->OnBreaker(worker, {Record(node), state, reason, detail});
  }
  // Something heavy of a client's is under way there.
  void SetBusy(uint32_t node, bool busy) { Record(node)->stats(0).heavy_in_flight.Set(busy ? 1 : 0); }
  void Silence(uint32_t worker, uint32_t node) {
    monitor_->OnBreaker(worker, {Record(node), Breaker::kClosed, TripReason::kNone, "", true});
  }
  const std::shared_ptr<backends::NodeRecord>& Record(uint32_t node) const { return snapshot_->pools[0].nodes[node]; }
  const backends::NodeView& View(uint32_t node) const { return Record(node)->view; }
  NodeState State(uint32_t node) const { return View(node).state; }
  std::vector<Verdict> Verdicts() const {
    std::vector<Verdict> all;
    for (uint32_t n = 0; n < snapshot_->pools[0].nodes.size(); ++n) all.push_back(Record(n)->verdict());
    return all;
  }
  // Kinds of them, over all nodes.
  size_t Transitions() const {
    size_t count = 0;
    for (uint32_t n = 0; n < snapshot_->pools[0].nodes.size(); ++n) count += Record(n)->transitions.size();
    return count;
  }
  // "down>up check": how often, over all nodes.
  uint64_t Count(const std::string& wanted) const {
    uint64_t count = 0;
    for (uint32_t n = 0; n < snapshot_->pools[0].nodes.size(); ++n) {
      for (const auto& [transition, times] : Record(n)->transitions) {
        const std::string name =
            std::string(NameOf(transition.from)) + ">" + std::string(NameOf(transition.to)) + " " + transition.reason;
        if (name == wanted) count += times;
      }
    }
    return count;
  }

  test::FakeLoop loop_;
  backends::NodeRegistry registry_{2};
  conf::Config config_;
  std::shared_ptr<const Snapshot> snapshot_;
  Words orders_;
  std::optional<HealthMonitor> monitor_;
  Far far_[kNodes];
  Far other_;                    // At port kNodes.
  std::vector<bool> connected_;  // By socket.
};

inline constexpr Verdict kServe = Verdict::kServe;
inline constexpr Verdict kOut = Verdict::kEjected;
inline constexpr Verdict kAsk = Verdict::kKeepAsking;

}  // namespace ringproxy::proxy
