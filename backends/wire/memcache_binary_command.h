// backends/wire/memcache_binary_command.h – What ringproxy knows of each opcode of memcached's binary protocol.
//
// Purpose: an opcode is a command of the text protocol in another spelling, and has its row: limits, metrics, gutters
// and retries are the same. What differs stands here: how long the parts of its packet are, and what a quiet form keeps
// back. Source: memcached 1.6.18. Threads: the table is constant.
#pragma once

#include <cstdint>

#include "backends/wire/memcache_binary.h"
#include "backends/wire/memcache_command.h"

namespace ringproxy::wire {

struct BinaryCommand {
  enum class BinaryPart : uint8_t { kNone, kOne, kPerhaps };
  enum class BinaryWay : uint8_t {
    kNode,      // As it is, to the node of its key or to any.
    kInWords,   // To all nodes, in text.
    kAnswered,  // The proxy answers.
    kEnds,      // So does the connection.
  };

  BinaryOpcode loud;      // That of the form that is always answered: so nodes are asked.
  std::string_view name;  // Of the row.
  uint8_t extras_bytes = 0;
  BinaryPart key = BinaryPart::kNone;
  bool has_value = false;
  bool may_lack_extras = false;
  Quiet quiet = Quiet::kBinary;
  BinaryWay way = BinaryWay::kNode;
  CommandSpec spec{};  // The row's, for one key.
};

// nullptr for an opcode that memcached does not know either.
const BinaryCommand* FindBinaryCommand(uint8_t opcode);
// A set with a token is what text calls cas, and no gutter takes it.
const CommandSpec& BinaryCasSpec();

}  // namespace ringproxy::wire
