// tests/sim/sim_memcache_client.h – A simulated client that speaks memcached's text protocols, classic and meta.
#pragma once

#include "tests/sim/sim_client.h"

namespace ringproxy::sim {

class SimMemcacheClient final : public SimClient {
 public:
  SimMemcacheClient(SimLoop& loop, uint32_t number);

 private:
  void SendRandomCommand(std::string* out) override;
  void SendQuit(std::string* out) override;
  bool IsNodeFailure(std::string_view reply) const override;

  void SendMultiGet(std::string* out);
  void SendMeta(std::string* out);
  // Some quiet commands and the mn that ends them (trap 27).
  void SendQuietGroup(std::string* out);

  uint32_t next_opaque_ = 0;
};

}  // namespace ringproxy::sim
