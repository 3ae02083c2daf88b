// tests/backends/link/recording_sink.h – A sink that remembers what came of each ticket, by its slot.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/ticket.h"
#include "backends/wire/error_text.h"

namespace ringproxy::backends {

class RecordingSink final : public ReplySink {
 public:
  void OnReply(Ticket ticket, Reply&& reply) override {
    const net::Block kept = reply.Keep(copies_);
    if (copies_.blocks_in_use() == 0) ++large;
    Add(ticket, std::string(kept.bytes()));
  }
  void OnFailure(Ticket ticket, const wire::Failure& failure) override {
    Add(ticket, std::string(wire::ErrorName(failure.code)));
    if (on_failure) on_failure(ticket);
  }

  std::vector<std::pair<uint32_t, std::string>> outcomes;
  size_t large = 0;                        // Replies that came in blocks of their own.
  std::function<void(Ticket)> on_failure;  // What a retrying owner would do.

 private:
  net::BlockPool copies_;
  void Add(Ticket ticket, std::string text) { outcomes.emplace_back(ticket.slot, std::move(text)); }
};

using Outcomes = std::vector<std::pair<uint32_t, std::string>>;

}  // namespace ringproxy::backends
