// proxy/route/fanout.h – Commands that go to several nodes: remembers the parts and makes one reply of theirs.
//
// Threads: its worker's. Lifetime: io and the sink outlive it.
// Promise: one OnReply to the sink for each Open, after every child was answered; children are answered exactly once,
// so a fan-out lives until its last child is in, whether or not its client is still there.
#pragma once

#include <vector>

#include "backends/ticket.h"
#include "backends/wire/command.h"
#include "backends/worker_io.h"
#include "proxy/route/merge.h"

namespace ringproxy::proxy {

class Fanout {
 public:
  Fanout(backends::WorkerIo& io, backends::ReplySink& sink) : io_(io), sink_(sink) {}

  // A new fan-out of `children` parts, none of them sent yet. `child_of_key`: in key order, which child holds the key;
  // only Merge::kInKeyOrder needs it. Returns the owner for the children's tickets; a child's slot is its number.
  uint32_t Open(backends::Ticket parent, wire::Merge merge, uint32_t children, std::vector<uint16_t>* child_of_key);
  static backends::Ticket ChildTicket(uint32_t owner, uint32_t child) {
    return {owner, 0, child, backends::Ticket::Kind::kFanout};
  }

  void OnReply(backends::Ticket ticket, net::Block reply);
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure);

  size_t open() const { return open_; }

 private:
  struct Parent {
    backends::Ticket ticket;
    wire::Merge merge = wire::Merge::kNone;
    uint32_t waiting = 0;
    std::vector<net::Block> replies;
    std::vector<uint16_t> child_of_key;
  };

  void Finish(uint32_t owner);

  backends::WorkerIo& io_;
  backends::ReplySink& sink_;
  std::vector<Parent> parents_;
  std::vector<uint32_t> free_;  // Of parents_.
  size_t open_ = 0;
  std::vector<std::string_view> views_;  // Scratch.
  ReplyMerger merger_;
};

}  // namespace ringproxy::proxy
