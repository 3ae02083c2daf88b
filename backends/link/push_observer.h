// backends/link/push_observer.h – Who hears of what a node sends unasked: RESP3's pushes.
//
// Threads: its worker's. Lifetime: outlives the links that it was given to.
#pragma once

#include <string_view>

#include "backends/stats.h"

namespace ringproxy::backends {

class PushObserver {
 public:
  // One whole push, with its attributes; empty when there was no memory for it. It answers nothing. The link that it
  // came over stays as it is until this returns.
  virtual void OnPush(std::string_view push) = 0;

 protected:
  ~PushObserver() = default;
};

// Of links whose pushes nobody has asked for: they are counted and dropped.
class PushCounter final : public PushObserver {
 public:
  explicit PushCounter(NodeStats& stats) : stats_(stats) {}

  void OnPush(std::string_view) override { stats_.pushes.Add(); }

 private:
  NodeStats& stats_;
};

}  // namespace ringproxy::backends
