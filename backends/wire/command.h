// backends/wire/command.h – What ringproxy knows of each Redis command: one row per command and subcommand.
//
// Purpose: the row says how many arguments a command takes, where its keys stand, whether it writes, which nodes it
// goes to, how their replies become one, and whether asking again is harmless. Everything else (router, fan-out,
// limiter, metrics, COMMAND) reads the row and knows no command by name.
// Threads: the table is constant; any number of threads may call everything here at once.
// Promise: finding a row or a key neither allocates nor throws. The rows are those of Redis 7.0; tests/e2e compares
// them with a live server.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "backends/wire/fault.h"
#include "backends/wire/request.h"

namespace ringproxy::wire {

// The class of a command, for limits and metrics. What is not known to be a read counts as a write (scripts do).
enum class Access : uint8_t { kRead, kWrite, kAdmin, kOther };

enum class Handling : uint8_t {
  kForward,   // It goes untouched to the node that owns its keys; keys on several nodes read CROSSSLOT. See FindKeys.
  kSplit,     // Each node that owns some of its keys gets a part, and the replies are merged.
  kAllNodes,  // It goes untouched to every node of the pool, and the replies are merged.
  kAnyNode,   // It goes untouched to any usable node, as the reply is the same everywhere.
  kLocal,     // The proxy answers it.
  kRefused,   // The client reads "not supported" and the row's `why`.
};

// How the nodes' replies become the client's. An error of any node is the whole command's error, with its own words
// (semantics.md 1 to 3), except under kAnyNonNil, where any node's key will do.
enum class Merge : uint8_t {
  kNone,             // There is one reply.
  kInKeyOrder,       // Arrays have an element per key; the elements stand in the order of the request's keys.
  kSum,              // Integers are added up.
  kLeast,            // The smallest integer counts.
  kAllOk,            // Every node says +OK.
  kConcat,           // Arrays follow one another.
  kFirst,            // All replies are equal, so the first one stands for all.
  kEveryElementAnd,  // Arrays of 0 and 1 have equal lengths; an element is 1 where it is 1 on every node.
  kAnyNonNil,        // The first bulk that is not nil counts; if there is none, the reply is nil.
  // memcached's:
  kValues,      // VALUE blocks stand in the order of the request's keys, before one END.
  kStatistics,  // The numbers of STAT lines are added up.
  kSettings,    // The STAT lines of one node stand for all.
  kAgreed,      // Every node says the same word: OK, RESET.
  kItems,       // The ITEM lines of all nodes follow one another, before one END.
  kUntagCas,    // There is one reply, and its cas token becomes the client's.
  kInstead,     // There is one reply, in whose place the client reads what the request's plan says.
};

// Merges of memcached replies; all others are of RESP.
constexpr bool IsMemcache(Merge merge) {
  return merge >= Merge::kValues;
}

// Whether a request may be sent again when nobody knows if the first one was executed.
enum class Retry : uint8_t { kNever, kSafe };

enum class KeyKind : uint8_t {
  kNone,
  kOne,      // Argument `first`.
  kRange,    // `first` to `last` by `step`; a negative `last` counts from the end, -1 being the last argument.
  kCounted,  // Argument `first` says how many keys follow it, `step` apart: EVAL, ZUNION, LMPOP …; MSETEX by 2.
  kDestinationAndCounted,  // Argument 1, then as kCounted from argument 2: ZUNIONSTORE …
  kStreams,                // The first half of what follows the word STREAMS: XREAD, XREADGROUP.
  kSort,                   // Argument 1, patterns that reach other keys, and what follows STORE.
  kGeoStore,               // Argument 1 and what follows STORE or STOREDIST: GEORADIUS …
  kMigrate,                // Argument 3 or, when that is empty, all that follows KEYS.
};

struct KeySpec {
  KeyKind kind = KeyKind::kNone;
  int8_t first = 0;
  int8_t last = 0;
  int8_t step = 0;
};

// Commands that are served, save for some of their arguments. See RefusalOf.
enum class ArgumentCheck : uint8_t { kNone, kBlockOption, kSortPatterns, kCopyDatabase };

// What a gutter may be asked, the pool that takes a node's keys while the node is down. It knows nothing of what the
// node holds, and what it is told must have expired soon after the node is back. So a row says kNo unless it is one of
//   reads of one key, and of several where each counts for itself: the client reads a miss;
//   deletions of whole keys: nobody may read from the gutter what its client has deleted;
//   writes of a whole value, and of an expiry, that can be capped within the same command.
// That leaves out, among others:
//   counters and changes of a part (INCR, APPEND, SETRANGE): they would start from nothing;
//   collections and MSET: no command gives them their content and an expiry at once;
//   conditions and locks (SETNX, GETDEL, add, cas, and gets, whose token is for a cas): the gutter would say yes where
//     the node says no, and two clients would hold what one may;
//   commands that compute from several keys (SDIFF), cursors and scripts: some of what they need is missing, and the
//     answer would be wrong, not a miss.
// See gutter_request.h for what becomes of a request under each of these.
enum class Gutter : uint8_t {
  kNo,
  kAsIs,
  // Redis requests are rewritten, and refused when they have arguments beyond those named here.
  kSecondsAt2,       // Argument 2 is an expiry: SETEX, EXPIRE.
  kMillisecondsAt2,  // PSETEX, PEXPIRE
  kSet,              // SET with EX, PX or neither.
  kGetEx,            // GETEX with EX, PX or neither.
  // memcached requests are rewritten.
  kExptimeAt1,  // Word 1 is an exptime: gat.
  kExptimeAt2,  // touch
  kExptimeAt3,  // set
  kMetaGetFlags,
  kMetaSetFlags,
  kMetaDeleteFlags,
};

// What a command does to its node, for limits and deadlines that go by it.
enum class Weight : uint8_t {
  kLight,
  kHeavy,  // It walks or copies whole collections or all keys, or runs a script: the class `heavy`. DEL and what else
           // frees a value is not, however large the value may be: it is too common to be excused.
};

// Where a write says how far its value reaches: a node makes the zeros up to there at once.
enum class Reach : uint8_t {
  kNear,
  kByteAt2,   // SETRANGE
  kBitAt2,    // SETBIT
  kBitfield,  // Anywhere among the operations; behind a # it counts in fields.
};

// What the connection remembers when a request of this command was refused, so that the client is in a state that it
// knows: many clients pipeline what follows, or go on after an error.
enum class AfterRefusal : uint8_t {
  kNothing,      // The error is all: nothing that the client sends later means something else because of it.
  kTransaction,  // MULTI: everything up to EXEC or DISCARD is refused, and EXEC reads that nothing was executed.
  kNextMulti,    // WATCH: the next transaction is refused, since nobody watches its keys.
  kDatabase,     // SELECT: whatever concerns a database is refused until one is selected, or RESET.
};

// A row says name, arity and access in any case; the other members are left out where they have their usual value.
struct CommandSpec {
  std::string_view name;  // Lower case; a subcommand's is "config|get".
  int arity;              // As Redis counts: the name included, negative for "at least".
  KeySpec keys = {};
  Access access;
  Handling handling = Handling::kForward;
  Merge merge = Merge::kNone;
  Retry retry = Retry::kNever;
  std::string_view flags = {};       // Redis' words, separated by spaces: "write denyoom fast".
  std::string_view categories = {};  // ACL categories that do not follow from the flags: "keyspace dangerous".
  std::string_view why = {};         // Of a refused command: one plain clause that says what to do instead.
  ArgumentCheck check = ArgumentCheck::kNone;
  Gutter gutter = Gutter::kNo;
  Weight weight = Weight::kLight;
  Reach reach = Reach::kNear;
  AfterRefusal after_refusal = AfterRefusal::kNothing;
  // Set by NumberRows, never by a row.
  uint16_t index = 0;        // Dense over all rows of a protocol, for arrays of counters.
  uint16_t subcommands = 0;  // How many of the rows that follow this one are its subcommands.
  // It has to do with a client's scripts or functions (EVAL, FCALL …). They choose the words of their replies and how
  // long they run, so neither says anything of the node.
  bool runs_script = false;
};

// Whether `subcommand` is the name of one of `container`'s: "command|count" is one of "command", "commandlog" is not.
constexpr bool IsSubcommandName(std::string_view subcommand, std::string_view container) {
  return subcommand.size() > container.size() && subcommand[container.size()] == '|' &&
         subcommand.starts_with(container);
}

// The order of rows: by name, the bar being the least character. The characters' own order would put "commandlog"
// between "command" and "command|count".
constexpr bool StandsBefore(const CommandSpec& a, const CommandSpec& b) {
  return std::ranges::lexicographical_compare(
      a.name, b.name, [](char x, char y) { return (x == '|' ? '\0' : x) < (y == '|' ? '\0' : y); });
}

// Numbers rows of one array from `first` on, tells each container how many subcommands follow it, and finds those that
// run scripts. A second table goes on where the first has ended, so that counters of both have their places in one
// array. Requires: the rows are in the order of StandsBefore.
constexpr void NumberRows(std::span<CommandSpec> rows, uint16_t first) {
  for (size_t i = 0; i < rows.size(); ++i) {
    size_t end = i + 1;
    while (end < rows.size() && IsSubcommandName(rows[end].name, rows[i].name)) ++end;
    rows[i].index = static_cast<uint16_t>(first + i);
    rows[i].subcommands = static_cast<uint16_t>(end - i - 1);
    rows[i].runs_script = rows[i].categories == "scripting";
  }
}

// What a request with so many keys costs a limit that counts commands: one for each key, and for a heavy one ten for
// the first.
inline uint64_t CostOf(const CommandSpec& spec, size_t keys) {
  constexpr uint64_t kHeavyCost = 10;
  const uint64_t by_keys = keys > 1 ? keys : 1;
  return spec.weight == Weight::kHeavy ? kHeavyCost - 1 + by_keys : by_keys;
}

// Whether a write makes its value 1 MiB long or longer, by zeros, whatever else it does. Requires: CheckShape is kOk.
bool ReachesFar(const CommandSpec& spec, const Request& request);

// What the request makes its node do.
inline Work WorkOf(const CommandSpec& spec, const Request& request) {
  if (spec.runs_script) return Work::kScript;
  const bool is_heavy = spec.weight == Weight::kHeavy || (spec.reach != Reach::kNear && ReachesFar(spec, request));
  return is_heavy ? Work::kHeavy : Work::kPlain;
}

// All rows, in the order of StandsBefore: a container ("config") is followed by its subcommands.
std::span<const CommandSpec> RedisCommands();

// The row of a request, whatever the case of its name: the subcommand's row if there is one, else its container's,
// else nullptr.
const CommandSpec* FindRedisCommand(const Request& request);

// The row called exactly `name` ("get", "config|get"), in any case; nullptr if there is none.
const CommandSpec* FindRedisCommand(std::string_view name);

// The rows of a container's subcommands, which lie behind its own; empty for every other row.
inline std::span<const CommandSpec> SubcommandsOf(const CommandSpec& spec) {
  return {&spec + 1, spec.subcommands};
}

// The place of its counters: 0 to RedisCommands().size() - 1 for the rows of the table.
inline size_t CommandIndex(const CommandSpec& spec) {
  return spec.index;
}

// What Redis checks before it looks at a command's meaning, in its order.
enum class Shape : uint8_t { kOk, kUnknownSubcommand, kWrongArity };
Shape CheckShape(const CommandSpec& spec, const Request& request);

// Why this request is not supported, as a clause for the "not supported" error; empty if it is. Covers refused rows
// and arguments that would block a shared connection or reach keys of other nodes. `hash_tag` is the pool's pair of
// characters ("{}") or empty. Requires: CheckShape is kOk.
std::string_view RefusalOf(const CommandSpec& spec, const Request& request, std::string_view hash_tag);

// Whether RefusalOf may say anything but yes to a request of this row.
inline bool MayBeRefused(const CommandSpec& spec) {
  return spec.handling == Handling::kRefused || spec.check != ArgumentCheck::kNone;
}

// Whether the command reads or writes a database: it has keys (a script may reach any), or it is about all keys
// (DBSIZE, SCAN).
bool ConcernsDatabase(const CommandSpec& spec);

// Argument indexes, in the order of the request, duplicates kept. Reused from request to request, so that it stops
// allocating once warm.
using KeyPositions = std::vector<uint32_t>;

enum class KeyResult : uint8_t {
  kOk,      // At least one position.
  kNoKeys,  // The request names none (EVAL with 0 keys, DBSIZE). A kForward one goes to the owner of the empty key.
            // That is always the same node, so a script without keys finds what an earlier one has written.
  kSyntax,  // The keys cannot be told (bad numkeys, odd MSET). Every Redis answers an error without touching data, so
            // the request goes untouched to the owner of the empty key, and the client reads Redis' own words.
};

// Requires: CheckShape is kOk. Patterns of SORT count as keys: they decide on the node.
KeyResult FindKeys(const CommandSpec& spec, const Request& request, KeyPositions* out);

// The fast path: most commands have one key at a fixed place, which CheckShape has shown to exist.
inline bool HasOneKey(const CommandSpec& spec) {
  return spec.keys.kind == KeyKind::kOne;
}
inline std::string_view FirstKey(const CommandSpec& spec, const Request& request) {
  return request[static_cast<size_t>(spec.keys.first)];
}

}  // namespace ringproxy::wire
