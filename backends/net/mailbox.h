// backends/net/mailbox.h – Work handed to a libevent loop from other threads.
//
// Threads: Post from any thread; the work runs on the loop's thread, in the order of posting.
// Cost: a lock and, when the box was empty, one write; for rare things (new clients, shutdown), never for requests.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "backends/net/event_home.h"

struct event;

namespace ringproxy::net {

class Mailbox {
 public:
  explicit Mailbox(const EventHome& home);
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox();

  void Post(std::function<void()> work);

 private:
  void Deliver();

  const EventHome& home_;
  int wake_fd_;
  event* wake_event_;
  std::mutex mutex_;
  std::vector<std::function<void()>> work_;  // Guarded by mutex_.
};

}  // namespace ringproxy::net
