// backends/sink_table.h – Brings each reply to the owner of its ticket.
//
// Threads: its worker's. Lifetime: the sinks outlive every call.
#pragma once

#include <array>
#include <span>
#include <utility>

#include "backends/stats.h"
#include "backends/ticket.h"

namespace ringproxy::backends {

class SinkTable final : public ReplySink {
 public:
  // `errors`: failures as clients read them, by wire::ErrorCode.
  explicit SinkTable(std::span<Counter> errors) : errors_(errors) {}

  void Set(Ticket::Kind kind, ReplySink& sink) { sinks_[static_cast<size_t>(kind)] = &sink; }

  void OnReply(Ticket ticket, Reply&& reply) override { Of(ticket).OnReply(ticket, std::move(reply)); }
  void OnFailure(Ticket ticket, const wire::Failure& failure) override {
    // Limits, retries and who follows a request pass it on, or ask again: it is counted where it becomes a client's.
    const bool ends_here = ticket.kind <= Ticket::Kind::kFanout;
    if (ends_here) errors_[static_cast<size_t>(failure.code)].Add();
    Of(ticket).OnFailure(ticket, failure);
  }

 private:
  ReplySink& Of(Ticket ticket) const { return *sinks_[static_cast<size_t>(ticket.kind)]; }

  std::span<Counter> errors_;
  std::array<ReplySink*, static_cast<size_t>(Ticket::Kind::kInternal)> sinks_{};
};

}  // namespace ringproxy::backends
