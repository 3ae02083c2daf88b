// tests/sim/sim_binary_client.h – A simulated client that speaks memcached's binary protocol.
//
// Each request has an opaque of its own, so a reply to another one shows whatever it says.
#pragma once

#include <map>

#include "tests/backends/wire/binary_packets.h"
#include "tests/sim/sim_client.h"

namespace ringproxy::sim {

class SimBinaryClient final : public SimClient {
 public:
  SimBinaryClient(SimLoop& loop, uint32_t number, Consistency consistency);

 private:
  void SendRandomCommand(std::string* out) override;
  void SendQuit(std::string* out) override;
  bool IsNodeFailure(std::string_view reply) const override;
  // A limit refuses at any time.
  bool MayFailWell(std::string_view reply) const override;

  void SendSet(std::string* out);
  void SendGet(std::string* out);
  void SendDelete(std::string* out);
  void SendCas(std::string* out);
  void SendCounter(std::string* out);
  // Some quiet commands, and the no-op that ends them (semantics.md 28).
  void SendQuietGroup(std::string* out);
  void SendQuietWrite(std::string* out);
  // What goes to all nodes, in text, or to any; what the proxy answers itself.
  void SendUnkeyed(std::string* out);
  void SendRefused(std::string* out);

  // A reply to this packet, and nothing else.
  static bool Answers(std::string_view reply, const test::Packet& asked, uint16_t status);
  bool IsHit(std::string_view reply, const test::Packet& asked);
  test::Packet Asking(uint8_t opcode, const std::string& key);
  test::Packet Storing(uint8_t opcode, const std::string& key, const std::string& value);

  uint32_t next_opaque_ = 0;
  std::map<std::string, uint64_t> tokens_;  // The last seen of each key.
};

// One in three speaks binary; the others text.
std::unique_ptr<SimClient> NewMemcacheClient(SimLoop& loop, uint32_t number, Consistency consistency);

}  // namespace ringproxy::sim
