// tests/sim/sim_memcache_node.h – A simulated memcached node: a map with cas numbers.
//
// It reads requests by itself, and holds it against the proxy when one of them would not be answered (noreply and the
// flag q must never arrive), when a data block does not end where it should, when a quiet packet comes, and when a cas
// token is not one that this node gave for this key (semantics.md 24).
#pragma once

#include <map>
#include <set>
#include <vector>

#include "backends/wire/memcache_binary.h"
#include "tests/backends/wire/binary_packets.h"
#include "tests/sim/sim_node.h"

namespace ringproxy::sim {

class SimMemcacheNode final : public SimNode {
 public:
  // `sees_others_tokens`: keys move, so the proxy may ask with a token that another node gave; it must match nothing.
  SimMemcacheNode(SimLoop& loop, uint16_t port, std::function<bool(std::string_view)> owns, bool sees_others_tokens)
      : SimNode(loop, port, std::move(owns)), sees_others_tokens_(sees_others_tokens) {}

 private:
  struct Item {
    std::string value;
    uint64_t cas = 0;
  };
  using Words = std::vector<std::string>;
  using Handler = std::string (SimMemcacheNode::*)(const Words& words, std::string_view data);
  struct Command {
    Handler handler;
    size_t size_word;  // Where the size of the data block stands in the line, 0 if there is none.
  };

  static const std::map<std::string_view, Command>& Commands();

  size_t AnswerFirst(std::string_view input, Speech* speech, std::string* reply) override;
  // The same of the binary protocol.
  size_t AnswerPacket(std::string_view input, Speech* speech, std::string* reply);
  std::string Nonsense() override;
  bool ShowsToPing(uint64_t sickness) const override { return sickness % 2 == 1; }
  std::string Ping(const Words& words, std::string_view data);
  std::string Admin(const Words& words, std::string_view data);
  std::string Get(const Words& words, std::string_view data);
  std::string Store(const Words& words, std::string_view data);
  std::string Change(const Words& words, std::string_view data);
  std::string Meta(const Words& words, std::string_view data);
  // The code of a meta command's reply once it is carried out; VA where it may have a value.
  std::string CarryOut(const Words& words, const std::string& key, std::string_view data);
  void CarryOut(const wire::BinaryHeader& header, std::string_view body, const std::string& key, test::Packet* answer);

  void Put(const std::string& key, std::string_view value) { data_[key] = {std::string(value), next_cas_++}; }
  // The number that the item holds afterwards. Requires: the item exists.
  std::string Add(const std::string& key, uint64_t delta);
  // Whether `token` is the item's, or EXISTS and NOT_FOUND otherwise.
  enum class Match { kSame, kOther, kMissing };
  Match Compare(const std::string& key, const std::string& token);
  std::string GiveToken(const std::string& key);

  bool sees_others_tokens_;
  std::map<std::string, Item, std::less<>> data_;
  uint64_t next_cas_ = 1;
  std::map<std::string, std::set<std::string>> given_tokens_;  // By key.
};

}  // namespace ringproxy::sim
