// tests/sim/sim_redis_client.h – A simulated client that speaks RESP, in one protocol and one database.
#pragma once

#include <vector>

#include "backends/lane.h"
#include "tests/sim/sim_client.h"

namespace ringproxy::sim {

class SimRedisClient final : public SimClient {
 public:
  // `is_crowded`: other flavours may take the place of its own, so that it waits for new links again and again.
  SimRedisClient(SimLoop& loop, uint32_t number, Consistency consistency, backends::Flavour flavour, bool is_crowded);

 private:
  void SendRandomCommand(std::string* out) override;
  void SendQuit(std::string* out) override;
  bool IsNodeFailure(std::string_view reply) const override;
  bool MayFailWell(std::string_view reply) const override;

  void SendTransaction(std::string* out);
  // For one whose database no node has.
  void SendRefused(std::string* out);
  bool BelongsTo(std::string_view element, const std::string& key);
  bool AnswersMget(std::string_view reply, const std::vector<std::string>& keys);

  const backends::Flavour flavour_;
  const bool is_crowded_;
};

}  // namespace ringproxy::sim
