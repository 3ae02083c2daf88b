// backends/health/ejection.h – Which nodes of a pool are out for the whole process, and how many may be.
//
// Nodes that checks or workers call sick are ejected in the order in which they fell sick, at most max_ejected of the
// pool. With `error` one more than that makes the whole pool fail open: every node is asked again, sick or not, until
// the sick are at most three fifths of the limit (mcrouter's way of going in and out at two numbers). With `rehash` and
// a gutter the ejected stay out, and those beyond the limit are asked though they are sick: their neighbours could not
// carry more. With a gutter one node may always be out, unless max_ejected is 0%.
// Threads: the control loop's. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "conf/config.h"

namespace ringproxy::backends {

// What the process says of a node; workers read it with each request.
enum class Verdict : uint8_t {
  kServe,      // Nothing is known against it; the worker's breaker decides.
  kEjected,    // Not asked.
  kKeepAsking  // Sick, but too many are: the breaker does not count.
};

class Ejection {
 public:
  Ejection(size_t nodes, conf::Ratio max_ejected, conf::DownPolicy policy);

  // Whether the node is sick from now on; its ejection may change that of others.
  void SetSick(size_t node, bool sick);
  Verdict verdict(size_t node) const;
  bool fails_open() const { return fails_open_; }

 private:
  bool IsEjected(size_t node) const;

  size_t limit_;
  conf::DownPolicy policy_;
  std::vector<bool> sick_;
  std::vector<size_t> order_;  // The sick, the longest sick first.
  bool fails_open_ = false;
};

}  // namespace ringproxy::backends
