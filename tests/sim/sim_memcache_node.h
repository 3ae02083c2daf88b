// tests/sim/sim_memcache_node.h – A simulated memcached node: a map with cas numbers. It reads requests by itself, and
// holds it against the proxy when one of them would not be answered: noreply and the flag q must never arrive.
#pragma once

#include <map>
#include <vector>

#include "tests/sim/sim_node.h"

namespace ringproxy::sim {

class SimMemcacheNode final : public SimNode {
 public:
  using SimNode::SimNode;

 private:
  struct Item {
    std::string value;
    uint64_t cas = 0;
  };
  using Words = std::vector<std::string>;

  size_t AnswerFirst(std::string_view input, std::string* reply) override;
  std::string AnswerLine(const Words& words);
  std::string AnswerGet(const Words& words);
  std::string AnswerMeta(const Words& words, std::string_view data);
  std::string Store(const std::string& key, std::string_view data);

  std::map<std::string, Item, std::less<>> data_;
  uint64_t next_cas_ = 1;
};

}  // namespace ringproxy::sim
