#include "backends/sink_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ringproxy::backends {
namespace {

struct Owner final : ReplySink {
  void OnReply(Ticket ticket, Reply&& reply) override {
    heard.push_back(std::to_string(ticket.slot) + " " + std::string(reply.bytes()));
  }
  void OnFailure(Ticket ticket, const wire::Failure&) override {
    heard.push_back(std::to_string(ticket.slot) + " failed");
  }

  std::vector<std::string> heard;
};

TEST(SinkTable, BringsEachReplyToTheOwnerOfItsTicketAndCountsFailuresWhereTheyEnd) {
  std::vector<Counter> errors(wire::kErrorCodes);
  std::vector<Owner> owners(static_cast<size_t>(Ticket::Kind::kInternal));
  SinkTable table(errors);
  for (size_t kind = 0; kind < owners.size(); ++kind) table.Set(static_cast<Ticket::Kind>(kind), owners[kind]);
  for (uint32_t kind = 0; kind < owners.size(); ++kind) {
    const Ticket ticket{.slot = kind, .kind = static_cast<Ticket::Kind>(kind)};
    table.OnReply(ticket, Reply(std::string_view("+OK\r\n")));
    table.OnFailure(ticket, {wire::ErrorCode::kTimeout});
  }
  for (uint32_t kind = 0; kind < owners.size(); ++kind) {
    const std::string slot = std::to_string(kind);
    EXPECT_EQ(owners[kind].heard, (std::vector<std::string>{slot + " +OK\r\n", slot + " failed"}));
  }
  // A client's own, that of its SELECT, and one of a part of its request; the others are passed on.
  EXPECT_EQ(errors[static_cast<size_t>(wire::ErrorCode::kTimeout)].value(), 3U);
}

}  // namespace
}  // namespace ringproxy::backends
