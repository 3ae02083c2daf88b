#include "backends/net/mailbox.h"

#include <event2/event.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cassert>
#include <utility>

namespace ringproxy::net {

Mailbox::Mailbox(const EventHome& home) : home_(home), wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  assert(wake_fd_ >= 0);
  wake_event_ = event_new(
      home.base, wake_fd_, EV_READ | EV_PERSIST, [](int, short, void* self) { static_cast<Mailbox*>(self)->Deliver(); },
      this);
  event_add(wake_event_, nullptr);
}

Mailbox::~Mailbox() {
  event_free(wake_event_);
  close(wake_fd_);
}

void Mailbox::Post(std::function<void()> work) {
  bool was_empty;
  {
    const std::lock_guard lock(mutex_);
    was_empty = work_.empty();
    work_.push_back(std::move(work));
  }
  // Whoever finds work in the box knows that the loop is being woken for it.
  if (was_empty) eventfd_write(wake_fd_, 1);
}

void Mailbox::Deliver() {
  home_.Wake();
  // The counter is reset before the work is taken: a Post in between wakes once too often, never once too seldom.
  eventfd_t ignored;
  eventfd_read(wake_fd_, &ignored);
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(mutex_);
    work.swap(work_);
  }
  // The lock is free by now, for the work may post more.
  for (std::function<void()>& item : work) item();
}

}  // namespace ringproxy::net
