// tests/sim/sim_memcache_client.h – A simulated client that speaks memcached's text protocols, classic and meta.
#pragma once

#include <map>
#include <vector>

#include "tests/sim/sim_client.h"

namespace ringproxy::sim {

class SimMemcacheClient final : public SimClient {
 public:
  SimMemcacheClient(SimLoop& loop, uint32_t number, Consistency consistency);

 private:
  // What a meta command's flags b, k and O bring back with its reply.
  struct Echo {
    std::string key;
    std::string sent_key;  // As it stands on the line.
    std::string flags;     // In the order of the request, each after a space.
    std::string returned;
  };

  void SendRandomCommand(std::string* out) override;
  void SendQuit(std::string* out) override;
  bool IsNodeFailure(std::string_view reply) const override;

  void SendSet(std::string* out);
  void SendGet(std::string* out);
  void SendChange(std::string* out);
  void SendCas(std::string* out);
  void SendCounter(std::string* out);
  // Nothing may come back (semantics.md 8).
  void SendNoreply(std::string* out);
  void SendMeta(std::string* out);
  // Some quiet commands and the mn that ends them (semantics.md 27).
  void SendQuietGroup(std::string* out);
  void SendQuietWrite(std::string* out);
  // What goes to all nodes or to any.
  void SendAdmin(std::string* out);
  // What the proxy refuses by itself, in its turn and with the data block swallowed.
  void SendRefused(std::string* out);

  bool AnswersGet(std::string_view reply, const std::vector<std::string>& keys);
  // The meta reply to the command of this echo; nothing if it is another's.
  struct MetaReply {
    std::string code;
    std::string data;
  };
  std::optional<MetaReply> ReadMeta(std::string_view reply, const Echo& echo);
  bool IsHit(std::string_view reply, const Echo& echo);
  Echo RandomEcho(const std::string& key);

  uint32_t next_opaque_ = 0;
  std::map<std::string, std::string> tokens_;  // The last seen of each key.
};

}  // namespace ringproxy::sim
