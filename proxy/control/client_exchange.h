// proxy/control/client_exchange.h – How a question about clients reaches every worker, and their answers the asker.
//
// Purpose: all pass through the control loop, so that two pauses, or a pause and its end, come to every worker in one
// order. Nobody waits here: who asks has a time of his own (ClientDesk).
// Threads: the control loop's; what For returns is called on that worker's.
// Lifetime: it outlives the workers, and both ways to post.
#pragma once

#include <cstdint>
#include <functional>

#include "proxy/session/client_desk.h"

namespace ringproxy::proxy {

class ClientExchange {
 public:
  using ClientWord = std::function<void(ClientDesk&)>;
  // Has the worker hear it on its own loop.
  using PostToWorker = std::function<void(uint32_t worker, ClientWord word)>;
  // Back to the control loop, from any thread.
  using PostHere = std::function<void(std::function<void()>)>;

  ClientExchange(uint32_t workers, PostToWorker to_worker, PostHere here);
  ClientPosts For(uint32_t worker);

 private:
  void OnQuestion(uint32_t by, const SharedQuestion& question, uint64_t number);

  uint32_t workers_;
  PostToWorker to_worker_;
  PostHere here_;
};

}  // namespace ringproxy::proxy
