// backends/link/command_question.h – Asks a Redis server which commands it has, for those that ringproxy does not know.
//
// Threads: one owner. Bounds: those of wire::LearntRow.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/link/handshake.h"
#include "backends/wire/learnt_row.h"

namespace ringproxy::backends {

class CommandQuestion final : public Handshake {
 public:
  void Start(std::string* out) override { out->append("*1\r\n$7\r\nCOMMAND\r\n"); }
  HandshakeStep OnReply(std::string_view reply, std::string*) override {
    std::optional<std::vector<wire::LearntRow>> rows = wire::ReadLearntRows(reply);
    if (!rows) return Refuse(FirstLineOf(reply));
    rows_ = std::move(*rows);
    return HandshakeStep::kDone;
  }

  // What the last answer has said; once.
  std::vector<wire::LearntRow> TakeRows() { return std::exchange(rows_, {}); }

 private:
  static std::string_view FirstLineOf(std::string_view reply) {
    if (!reply.starts_with('-')) return "no answer to COMMAND";
    return reply.substr(1, reply.find('\r') - 1);
  }

  std::vector<wire::LearntRow> rows_;
};

}  // namespace ringproxy::backends
