// tests/sim/sim_node.h – A simulated server, slow on purpose, that checks that every key is its own. What it speaks is
// said by the classes that derive from it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/sim_loop.h"

namespace ringproxy::sim {

class SimNode {
 public:
  // `owns(key)`: whether the ring gives the key to this node.
  SimNode(SimLoop& loop, uint16_t port, std::function<bool(std::string_view)> owns);
  virtual ~SimNode();

  // Faults.
  void Kill();  // Resets every connection and refuses new ones; data survive.
  void Restart() { alive_ = true; }
  void Stall(bool on);  // Keeps its connections and answers nothing, as after SIGSTOP.
  void ResetOne();      // One connection breaks.

  // What it has been asked for that it should not have been.
  size_t wrong_requests() const { return wrong_requests_; }
  size_t requests() const { return requests_; }

 protected:
  // Appends the reply to the first request of `input` and returns that request's bytes; 0 while it is not whole.
  virtual size_t AnswerFirst(std::string_view input, std::string* reply) = 0;

  void CountRequest() { ++requests_; }
  void CheckKey(std::string_view key) { wrong_requests_ += owns_(key) ? 0 : 1; }
  void CountWrongRequest() { ++wrong_requests_; }

 private:
  class Connection;

  SimLoop& loop_;
  std::function<bool(std::string_view)> owns_;
  std::vector<std::unique_ptr<Connection>> connections_;
  size_t wrong_requests_ = 0;
  size_t requests_ = 0;
  bool alive_ = true;
  bool stalled_ = false;
};

}  // namespace ringproxy::sim
