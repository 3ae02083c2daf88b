// tests/sim/sim_redis_client.h – A simulated client that speaks RESP.
#pragma once

#include <vector>

#include "tests/sim/sim_client.h"

namespace ringproxy::sim {

class SimRedisClient final : public SimClient {
 public:
  SimRedisClient(SimLoop& loop, uint32_t number, Consistency consistency);

 private:
  void SendRandomCommand(std::string* out) override;
  void SendQuit(std::string* out) override;
  bool IsNodeFailure(std::string_view reply) const override;

  bool BelongsTo(std::string_view element, const std::string& key);
  bool AnswersMget(std::string_view reply, const std::vector<std::string>& keys);
};

}  // namespace ringproxy::sim
