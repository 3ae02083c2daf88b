// tests/proxy/control/limited_worker_fixture.h – A whole worker under one limit, and clients that meet it.
#pragma once

#include <string>
#include <utility>

#include "tests/proxy/control/worker_fixture.h"

namespace ringproxy::proxy {

using namespace std::chrono_literals;

class LimitedWorkerFixture : public WorkerFixture {
 protected:
  // Ten a second, `burst` at once; keys that begin with "k" are met.
  static conf::Limit TenASecond(uint64_t burst) {
    conf::Limit limit;
    limit.name = "slow";
    limit.match.prefix = {"k"};
    limit.rate = {.amount = 10};
    limit.burst = burst;
    return limit;
  }
  static conf::Limit Delaying(conf::Limit limit) {
    limit.action = conf::LimitAction::kDelay;
    limit.max_wait = 1s;
    return limit;
  }
  void StartWith(conf::Limit limit, conf::Config config = TwoNodes()) {
    config.limits = {std::move(limit)};
    Start(std::move(config));
    key_ = KeyOf(0);
    get_ = Encode({"GET", key_});
  }
  void Ask(test::FakeSocket& client, const std::string& requests) {
    client.Receive(requests);
    Settle();
  }
  void Reply(const std::string& replies, size_t node = 0) {
    Node(node).Receive(replies);
    Settle();
  }
  void Advance(net::Duration by) {
    loop_.Advance(by);
    Settle();
  }

  std::string key_;  // Of node 0.
  std::string get_;
};

}  // namespace ringproxy::proxy
