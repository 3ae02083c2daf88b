// backends/wire/memcache_command.h – What ringproxy knows of each memcached command: one row per command and `stats`
// subcommand, classic text and meta.
//
// Purpose: as command.h for Redis. The row's CommandSpec says which nodes a command goes to and how their replies
// become one; the rest of the row is what only memcached has: data blocks, noreply and quiet, cas tokens. Source:
// protocol.txt of memcached 1.6. Threads: the table is constant.
#pragma once

#include <string>

#include "backends/wire/command.h"

namespace ringproxy::wire {

// Which replies the client has asked not to see. The proxy takes the wish out of the request, so that every request to
// a node has exactly one reply, and keeps the reply back itself (semantics.md 8).
enum class Quiet : uint8_t {
  kNone,
  kAll,            // noreply: every reply.
  kMiss,           // mg q: EN
  kDone,           // ms q, md q: HD
  kDoneAndValues,  // ma q: HD and VA
  // The binary protocol. Its replies are named by their requests (ReplyWish).
  kBinary,      // None.
  kBinaryMiss,  // getq: that there is no such item.
  kBinaryDone,  // setq: success.
};

// What a client wants to read in place of a node's reply.
struct ReplyWish {
  constexpr ReplyWish(Quiet keep_back) : quiet(keep_back) {}  // NOLINT: without more it is what is kept back.
  constexpr ReplyWish(Quiet keep_back, uint8_t its_opcode, uint32_t its_opaque)
      : quiet(keep_back), opcode(its_opcode), opaque(its_opaque) {}

  Quiet quiet;
  // From kBinary on: whose reply it is.
  uint8_t opcode = 0;
  uint32_t opaque = 0;
};

// Where a request or its reply carries the token of compare-and-swap. See memcache_cas.h.
enum class CasPlace : uint8_t {
  kNone,
  kArgument,  // cas: the last argument.
  kValues,    // gets, gats: at the end of each VALUE line.
  kFlags,     // Meta: the flags C and E of the request, c of the reply.
};

// The syntax of what follows the name.
enum class MemcacheSyntax : uint8_t {
  kPlain,    // Arguments; the last may be noreply.
  kKeys,     // Keys up to the end of the line, without noreply.
  kStorage,  // key flags exptime bytes [cas] [noreply], then a data block.
  kMeta,     // key flags*
  kMetaSet,  // key bytes flags*, then a data block.
};

struct MemcacheSpec {
  CommandSpec command;  // Its arity is the least number of words, negative as in "at least".
  MemcacheSyntax syntax = MemcacheSyntax::kPlain;
  uint8_t most_words = 0;      // Of kPlain and kStorage, the name and noreply included; 0 is no bound.
  Quiet quiet = Quiet::kNone;  // What noreply or the flag q means here.
  CasPlace cas = CasPlace::kNone;
  // What one reads who names none of its subcommands; empty where it is a command itself.
  std::string_view usage = {};
  bool has_subcommands = false;
};

// All rows, sorted by name; "stats" is followed by its subcommands ("stats|items"), and so are those by their own.
std::span<const MemcacheSpec> MemcacheCommands();

// The row called exactly `name`, which is case-sensitive as in memcached; nullptr if there is none.
const MemcacheSpec* FindMemcacheCommand(std::string_view name);

// What a server without the item would answer: "END\r\n", "NOT_STORED\r\n", "EN kname O7\r\n". False, and nothing
// appended, for a command that is about no item.
bool AppendMiss(const MemcacheSpec& spec, const Request& request, std::string* out);

// The place of its counters: 0 to MemcacheCommands().size() - 1 for the rows of the table.
inline size_t MemcacheCommandIndex(const MemcacheSpec& spec) {
  return spec.command.index;
}

}  // namespace ringproxy::wire
