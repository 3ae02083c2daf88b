// tests/backends/link/health_check_fixture.h – A check of a node that answers what the test says.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/link/health_check.h"
#include "tests/support/fake_loop.h"

namespace ringproxy::backends {

using namespace std::chrono_literals;

class HealthCheckTest : public testing::Test {
 protected:
  HealthCheck& Make(conf::Protocol protocol = conf::Protocol::kRedis) {
    settings_.protocol = protocol;
    check_.emplace(io_, settings_, options_);
    return *check_;
  }
  HealthCheck::Done Record() {
    return [this](HealthCheck::CheckOutcome outcome, const std::string& why) {
      const std::string before = outcome == HealthCheck::CheckOutcome::kNotAsked ? "not asked: "
                                 : outcome == HealthCheck::CheckOutcome::kFull   ? "full: "
                                                                                 : "";
      outcomes_.push_back(outcome == HealthCheck::CheckOutcome::kGood ? "good" : before + why);
    };
  }
  void Check() { check_->Check(Record()); }
  void Flush() { check_->Flush(Record()); }
  // A first check that went well.
  void CheckWell() {
    Check();
    Node().observer->OnConnected(0);
    Node().TakeWritten();
    const bool is_memcached = settings_.protocol == conf::Protocol::kMemcached;
    Node().Receive(is_memcached ? "MN\r\n" : "+PONG\r\n");
    if (is_memcached) Node().Receive("STAT item_size_max 1048576\r\nEND\r\n");
    if (!options_.maintenance_key.empty()) Node().Receive(":0\r\n");
    if (!is_memcached) AnswerVersion();
    Node().TakeWritten();
    EXPECT_EQ(Take(), "good");
  }
  // As a server that is too old to know the question.
  void AnswerVersion() {
    EXPECT_TRUE(Node().TakeWritten().ends_with("*1\r\n$5\r\nHELLO\r\n*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nEXEC\r\n"));
    Node().Receive("-ERR unknown command 'HELLO'\r\n+OK\r\n*0\r\n");
  }
  // What became of the one question since the last call.
  std::string Take() {
    const std::vector<std::string> outcomes = std::exchange(outcomes_, {});
    EXPECT_LE(outcomes.size(), 1U);
    return outcomes.empty() ? "nothing" : outcomes[0];
  }
  test::FakeSocket& Node() { return loop_.last_socket(); }

  test::FakeLoop loop_;
  WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  NodeSettings settings_;
  conf::Health options_;
  std::vector<std::string> outcomes_;
  std::optional<HealthCheck> check_;
};

}  // namespace ringproxy::backends
