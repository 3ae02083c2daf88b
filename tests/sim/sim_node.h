// tests/sim/sim_node.h – A simulated Redis node: a map, slow on purpose, that checks that every key is its own.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backends/wire/resp_request.h"
#include "tests/sim/sim_loop.h"

namespace ringproxy::sim {

class SimNode {
 public:
  // `owns(key)`: whether the ring gives the key to this node.
  SimNode(SimLoop& loop, uint16_t port, std::function<bool(std::string_view)> owns);

  ~SimNode();

  // Faults.
  void Kill();  // Resets every connection and refuses new ones; data survive.
  void Restart() { alive_ = true; }
  void Stall(bool on);  // Keeps its connections and answers nothing, as after SIGSTOP.
  void ResetOne();      // One connection breaks.

  size_t foreign_keys() const { return foreign_keys_; }
  size_t requests() const { return requests_; }

 private:
  class Connection;

  std::string Answer(const wire::Request& request);
  std::string AnswerKeyed(std::string_view name, const wire::Request& request);

  SimLoop& loop_;
  std::function<bool(std::string_view)> owns_;
  std::map<std::string, std::string, std::less<>> data_;
  std::vector<std::unique_ptr<Connection>> connections_;
  size_t foreign_keys_ = 0;
  size_t requests_ = 0;
  bool alive_ = true;
  bool stalled_ = false;
};

}  // namespace ringproxy::sim
