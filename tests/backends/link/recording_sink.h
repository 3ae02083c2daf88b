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
    if (on_reply) on_reply(ticket);
  }
  void OnFailure(Ticket ticket, const wire::Failure& failure) override {
    Add(ticket, std::string(wire::ErrorName(failure.code)));
    may_have_run.push_back(failure.may_have_run);
    if (on_text) on_text(failure);
    if (on_failure) on_failure(ticket);
  }

  std::vector<std::pair<uint32_t, std::string>> outcomes;
  std::vector<bool> may_have_run;          // Of each failure, in order.
  size_t large = 0;                        // Replies that came in blocks of their own.
  std::function<void(Ticket)> on_failure;  // What a retrying owner would do.
  std::function<void(Ticket)> on_reply;    // What a client that waited for it would do.
  std::function<void(const wire::Failure&)> on_text;

 private:
  net::BlockPool copies_;
  void Add(Ticket ticket, std::string text) { outcomes.emplace_back(ticket.slot, std::move(text)); }
};

using Outcomes = std::vector<std::pair<uint32_t, std::string>>;

}  // namespace ringproxy::backends
