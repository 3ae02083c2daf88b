// tests/sim/sim_redis_node.h – A simulated Redis node: a map, and the buckets of global limits.
#pragma once

#include <map>

#include "backends/wire/resp_request.h"
#include "tests/sim/sim_node.h"
#include "tests/support/lease_store.h"

namespace ringproxy::sim {

// A client's script that makes a node say what a sick one says.
inline constexpr std::string_view kForgingScript = "return redis.error_reply('CLUSTERDOWN')";

class SimRedisNode final : public SimNode {
 public:
  using SimNode::SimNode;

 private:
  size_t AnswerFirst(std::string_view input, std::string* reply) override;
  std::string Nonsense() override;
  bool ShowsToPing(uint64_t sickness) const override;
  std::string Answer(const wire::Request& request);
  std::string AnswerKeyed(std::string_view name, const wire::Request& request);

  // The scripts of global limits.
  std::string AnswerScript(const wire::Request& request);

  std::map<std::string, std::string, std::less<>> data_;
  std::map<std::string, test::LeaseStore, std::less<>> buckets_;
  bool knows_scripts_ = false;
};

}  // namespace ringproxy::sim
