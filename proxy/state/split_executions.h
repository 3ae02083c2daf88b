// proxy/state/split_executions.h – Transactions of which several nodes execute a part each, until all have answered.
//
// Purpose: makes one reply of theirs, in the order in which the commands were queued. Nobody makes several nodes
// execute all or nothing: where one has failed, its error stands in the places of its own commands, for the others have
// run. Only when no node has executed anything does the client read that, in the words of a discarded transaction.
// Threads: its worker's. Lifetime: io and the sink outlive it. One whose replies take too much memory keeps none of
// them and fails. Promise: one OnReply or OnFailure to the sink for each Open, after every part was answered, which
// each is once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backends/net/place_list.h"
#include "backends/ticket.h"
#include "backends/worker_io.h"

namespace ringproxy::proxy {

class SplitExecutions final : public backends::ReplySink {
 public:
  SplitExecutions(backends::WorkerIo& io, backends::ReplySink& sink) : io_(io), sink_(sink) {}

  // One whose parts will be answered under {the number returned, 0, the part, kExecutionPart}. `part_of_command`: for
  // each command, in order, its part, of which each has one at least.
  uint32_t Open(backends::Ticket ticket, std::vector<uint32_t> part_of_command, size_t parts);

  // Of a part: what its node says to EXEC, or why it says nothing.
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;

  size_t open() const { return splits_.in_use(); }
  // About once a second: gives idle memory back.
  void Tick() { splits_.ShrinkIfUnused(); }

 private:
  struct PartOutcome {
    net::Block reply;           // An array with an element for each command, or
    std::string error;          // what the client reads in place of each of them.
    bool is_discarded = false;  // Nothing of it was executed.
  };
  struct Split {
    backends::Ticket ticket;
    std::vector<uint32_t> part_of_command;
    std::vector<PartOutcome> parts;
    size_t waiting = 0;
    size_t reply_bytes = 0;
    bool is_too_large = false;
  };

  void OnOutcome(backends::Ticket ticket, PartOutcome&& outcome);
  void Finish(uint32_t place);
  // The reply of the whole.
  net::Block Merge(const Split& split);

  backends::WorkerIo& io_;
  backends::ReplySink& sink_;
  net::PlaceList<Split> splits_;
};

}  // namespace ringproxy::proxy
