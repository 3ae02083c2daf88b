// proxy/control/script_exchange.h – What the workers tell each other of scripts, by way of the control loop.
//
// Purpose: all that is learnt and all flushes pass through one place, so that their order is the same for every worker:
// a text that was learnt before a flush never arrives behind it. A flush is over when every worker has forgotten.
// Threads: the control loop's; what For returns is called on that worker's.
// Lifetime: it outlives the workers, and both ways to post.
#pragma once

#include <cstdint>
#include <functional>

#include "proxy/route/script_calls.h"

namespace ringproxy::proxy {

class ScriptExchange {
 public:
  // Of all workers together.
  static constexpr size_t kTextBytes = size_t{16} << 20;

  using ScriptWord = std::function<void(ScriptCalls&)>;
  // Has the worker hear it on its own loop.
  using PostToWorker = std::function<void(uint32_t worker, ScriptWord word)>;
  // Back to the control loop, from any thread.
  using PostHere = std::function<void(std::function<void()>)>;

  ScriptExchange(uint32_t workers, PostToWorker to_worker, PostHere here);
  ScriptPosts For(uint32_t worker);

 private:
  void OnLearnt(uint32_t by, const LearntScript& script);
  void OnFlush(uint32_t by, const ScriptScopes& scopes, uint32_t place);

  uint32_t workers_;
  PostToWorker to_worker_;
  PostHere here_;
  uint64_t flushes_ = 0;
};

}  // namespace ringproxy::proxy
