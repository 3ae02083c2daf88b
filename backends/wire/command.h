// backends/wire/command.h – What ringproxy knows of each Redis command: one row per command and subcommand.
//
// Purpose: the row says how many arguments a command takes, where its keys stand, whether it writes, which nodes it
// goes to, how their replies become one, and whether asking again is harmless. Everything else (router, fan-out,
// limiter, metrics, COMMAND) reads the row and knows no command by name.
// Threads: the table is constant, once the rows of the configuration are added at the start of the process; any number
// of threads may call everything here at once.
// Promise: finding a row or a key neither allocates nor throws. The rows are those of Redis 7.0, which tests/e2e
// compares with a live server, of the releases since then, up to Redis 8.10 and Valkey 9.1, and of their modules.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "backends/wire/fault.h"
#include "backends/wire/reply_shape.h"
#include "backends/wire/request.h"

namespace ringproxy::wire {

// The class of a command, for limits and metrics. What is not known to be a read counts as a write (scripts do).
enum class Access : uint8_t { kRead, kWrite, kAdmin, kOther };

// Below kLocal are those that go to nodes as they are.
enum class Handling : uint8_t {
  kForward,   // It goes untouched to the node that owns its keys; keys on several nodes read CROSSSLOT. See FindKeys.
  kSplit,     // Each node that owns some of its keys gets a part, and the replies are merged.
  kAllNodes,  // It goes untouched to every node of the pool, and the replies are merged.
  kScript,    // As kForward, but a node that is not known to have the script may get its text: EVAL, EVALSHA.
  kAnyNode,   // It goes untouched to any usable node, as the reply is the same everywhere.
  kOneNode,   // It goes untouched to the fleet's only node. Where there are several, the client reads the row's `why`.
  kCursor,    // SCAN: each call goes to the node that its cursor names, and the client's next cursor names one again.
  kLocal,     // The proxy answers it.
  kPinned,    // As kForward, but over a link that its client has for itself: WATCH, and what may block. See IsPinned.
  kPubSub,    // It is about messages: the proxy keeps who listens to what, and asks the nodes.
  kServers,   // The nodes tell about themselves, and the proxy makes one answer of it: INFO, CONFIG GET, SLOWLOG GET.
  kClients,   // It is about clients of the proxy, and all workers are asked: CLIENT LIST, KILL, UNBLOCK, PAUSE.
  kControl,   // As kAllNodes, whatever is known of them, over links on which no client's command stands before it.
  kListing,   // memcached's dumps: lines of any number from one node after the other, as they come.
  kRefused,   // The client reads "not supported" and the row's `why`.
};

// How the nodes' replies become the client's. An error of any node is the whole command's error, with its own words
// (semantics.md 1 to 3), except under kAnyNonNil, where any node's key will do, and under kAnyOk.
enum class Merge : uint8_t {
  kNone,             // There is one reply.
  kInKeyOrder,       // Arrays have an element per key; the elements stand in the order of the request's keys.
  kOwnInKeyOrder,    // Likewise, and an element may be an error: it is that of its key alone.
  kSum,              // Integers are added up.
  kLeast,            // The smallest integer counts.
  kAllOk,            // Every node says +OK.
  kConcat,           // Arrays follow one another; so do sets, and the pairs of maps.
  kFirst,            // All replies are equal, so the first one stands for all.
  kEveryElementAnd,  // Arrays of 0 and 1 have equal lengths; an element is 1 where it is 1 on every node.
  kAnyNonNil,        // The first bulk that is not nil counts; if there is none, the reply is nil.
  kAnyOk,            // +OK of any node counts; else its error that is the worst news, NOTBUSY being none.
  kNextCursor,       // There is one reply, of a cursor and an array, and its cursor becomes the client's.
  // memcached's:
  kValues,       // VALUE blocks stand in the order of the request's keys, before one END.
  kStatistics,   // The numbers of STAT lines are added up.
  kSettings,     // The STAT lines of one node stand for all.
  kConnections,  // The STAT lines of all nodes follow one another, each with its node's name.
  kAgreed,       // Every node says the same word: OK, RESET.
  kUntagCas,     // There is one reply, and its cas token becomes the client's.
  kInstead,      // There is one reply, in whose place the client reads what the request's plan says.
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

// Commands of which some arguments make something else. See RefusalOf, RefusalBySeveral for kGrouping, and IsPinned for
// kBlockOption.
// kNeedsAdmin is no matter of arguments: the command changes how nodes run, or stops them or other clients, and is
// served only where the listener has `admin_commands`.
enum class ArgumentCheck : uint8_t { kNone, kBlockOption, kSortPatterns, kGrouping, kNeedsAdmin };

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

// Where a request says how much it asks of the node at once: a write how far its value reaches, for the node makes the
// zeros up to there; a scan how many it looks at.
enum class Reach : uint8_t {
  kNear,
  kByteAt2,   // SETRANGE
  kBitAt2,    // SETBIT
  kBitfield,  // Anywhere among the operations; behind a # it counts in fields.
  kCount,     // SCAN, HSCAN …: behind COUNT.
};

// What becomes of a command between MULTI and EXEC.
enum class WithinMulti : uint8_t {
  kUsual,    // It is queued if nodes execute it, and not allowed if the proxy answers it.
  kQueued,   // The proxy answers it elsewhere, and nodes can.
  kAtOnce,   // It is executed and not queued.
  kSpliced,  // The proxy answers it there too, or asks all nodes, once a node has executed the others.
  kSelects,  // SELECT: a node executes it, and the client follows.
};

// Releases as one number: 8.10.2 is 81002.
constexpr uint32_t ReleaseNumber(uint32_t major, uint32_t minor = 0, uint32_t patch = 0) {
  return major * 10'000 + minor * 100 + patch;
}
inline constexpr uint32_t kNoRelease = UINT32_MAX;

// The first releases that have a command by themselves, without a module that somebody loads; 0: all have it.
struct FirstReleases {
  uint32_t redis = 0;
  uint32_t valkey = 0;

  bool operator==(const FirstReleases&) const = default;
};

// A row says name, arity and access in any case; the other members are left out where they have their usual value.
struct CommandSpec {
  std::string_view name;  // Lower case; a subcommand's is "config|get".
  int arity;              // As Redis counts: the name included, negative for "at least".
  KeySpec keys = {};
  Access access;
  ReplyShape reply = ReplyShape::kAny;  // Of a node: rows of Redis 7.0 and before say it.
  Handling handling = Handling::kForward;
  Merge merge = Merge::kNone;
  Retry retry = Retry::kNever;
  std::string_view flags = {};       // Redis' words, separated by spaces: "write denyoom fast".
  std::string_view categories = {};  // ACL categories that do not follow from the flags: "keyspace dangerous".
  std::string_view why = {};         // Of kRefused and kOneNode: one plain clause that says what to do instead.
  ArgumentCheck check = ArgumentCheck::kNone;
  Gutter gutter = Gutter::kNo;
  Weight weight = Weight::kLight;
  Reach reach = Reach::kNear;
  WithinMulti within_multi = WithinMulti::kUsual;
  FirstReleases since = {};
  bool is_configured = false;  // By the operator: it stands in no built-in table.
  bool is_learnt = false;      // From the nodes: it stands in no table at all, and counts with others in one place.
  // Set by NumberRows, never by a row.
  uint16_t index = 0;        // Dense over all rows of a protocol, for arrays of counters.
  uint16_t subcommands = 0;  // How many of the rows that follow this one are its subcommands.
  // Of most requests: see AskedOf. What runs a client's script, function or library (EVAL, FCALL, FUNCTION LOAD …) is
  // kScript: they choose the words of their replies and how long they run, so neither says anything of the node. What
  // is about them only (SCRIPT LOAD …) is kForeign, as is what a node has told of.
  Asked usual = {};
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

// EVAL, SCRIPT LOAD, FUNCTION LIST … Those of them that run a script are heavy.
constexpr bool IsAboutScripts(const CommandSpec& spec) {
  return spec.categories == "scripting";
}

// Numbers rows of one array from `first` on, tells each container how many subcommands follow it, and finds what
// each usually makes its node do. A second table goes on where the first has ended, so that counters of both have their
// places in one array. Requires: the rows are in the order of StandsBefore.
constexpr void NumberRows(std::span<CommandSpec> rows, uint16_t first) {
  for (size_t i = 0; i < rows.size(); ++i) {
    size_t end = i + 1;
    while (end < rows.size() && IsSubcommandName(rows[end].name, rows[i].name)) ++end;
    rows[i].index = static_cast<uint16_t>(first + i);
    rows[i].subcommands = static_cast<uint16_t>(end - i - 1);
    const bool is_heavy = rows[i].weight == Weight::kHeavy;
    const Work work = IsAboutScripts(rows[i]) ? (is_heavy ? Work::kScript : Work::kForeign)
                                              : (is_heavy ? Work::kHeavy : Work::kPlain);
    rows[i].usual = {work, rows[i].reply};
  }
}

// What a request with so many keys costs a limit that counts commands: one for each key, and for a heavy one ten for
// the first.
inline uint64_t CostOf(const CommandSpec& spec, size_t keys) {
  constexpr uint64_t kHeavyCost = 10;
  const uint64_t by_keys = keys > 1 ? keys : 1;
  return spec.weight == Weight::kHeavy ? kHeavyCost - 1 + by_keys : by_keys;
}

// Whether a write makes its value 1 MiB long or longer, by zeros, whatever else it does, or a scan looks at 10,000
// elements or more. Requires: CheckShape is kOk.
bool ReachesFar(const CommandSpec& spec, const Request& request);

// What the request makes its node do, and what comes back.
inline Asked AskedOf(const CommandSpec& spec, const Request& request) {
  return spec.reach != Reach::kNear && ReachesFar(spec, request) ? Asked(Work::kHeavy, spec.reply) : spec.usual;
}

// All rows, in the order of StandsBefore: a container ("config") is followed by its subcommands.
std::span<const CommandSpec> RedisCommands();

// Those that ringproxy has by itself.
std::span<const CommandSpec> BuiltInRedisCommands();
// They, and these among them. Requires: no name stands in two rows.
std::vector<CommandSpec> WithConfiguredRows(std::vector<CommandSpec> rows);
// All rows are these from now on, which come from WithConfiguredRows. Once a process, before anybody has looked for a
// row in order to keep it. What their names refer to lives as long as the process.
void UseRedisCommands(std::vector<CommandSpec> rows);

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

// What a listener lets its clients do: the pair of characters ("{}") of its default pool's hash tags, or none, and
// whether they may change how nodes run.
struct AllowedUse {
  std::string_view hash_tag = {};
  bool admin_commands = false;
  bool has_one_node = false;  // Whatever key a pattern reaches, it lies where the others do.
};

// Why this request is not supported, as a clause for the "not supported" error; empty if it is. Covers refused rows,
// those for admins, and arguments that would block a shared connection or reach keys of other nodes. Requires:
// CheckShape is kOk.
std::string_view RefusalOf(const CommandSpec& spec, const Request& request, const AllowedUse& use);

// See ArgumentCheck.
constexpr bool NeedsAdmin(const CommandSpec& spec) {
  return spec.check == ArgumentCheck::kNeedsAdmin;
}

// What many clients ask again and again, and the nodes are asked once for all of them: INFO.
constexpr bool IsShared(const CommandSpec& spec) {
  return spec.handling == Handling::kServers && spec.access == Access::kOther;
}

// The proxy makes the reply of what others tell it, nodes or workers.
constexpr bool IsCollected(const CommandSpec& spec) {
  return spec.handling == Handling::kServers || spec.handling == Handling::kClients;
}

// Whether it needs a link that its client has for itself. Requires: CheckShape is kOk.
bool IsPinned(const CommandSpec& spec, const Request& request);

// Of those, one that waits until replicas or disks have what was written: WAIT, WAITAOF. All nodes are asked.
constexpr bool CountsReplicas(const CommandSpec& spec) {
  return spec.handling == Handling::kPinned && spec.keys.kind == KeyKind::kNone;
}

// Of those, one that waits at its node: for what others will write, or as above.
inline bool IsBlocking(const CommandSpec& spec) {
  return spec.flags.find("blocking") != std::string_view::npos || CountsReplicas(spec);
}

// Servers refuse to queue it.
inline bool IsForbiddenInMulti(const CommandSpec& spec) {
  return spec.flags.find("no_multi") != std::string_view::npos;
}

// Why several nodes do not do together what one would; empty if they do. Of a row that is kAllNodes or kOneNode.
std::string_view RefusalBySeveral(const CommandSpec& spec, const Request& request);

// Whether RefusalOf may say anything but yes to a request of this row.
inline bool MayBeRefused(const CommandSpec& spec) {
  return spec.handling == Handling::kRefused || spec.check != ArgumentCheck::kNone;
}

// Whether it writes a key in another database than its client's: MOVE, and COPY with DB. Requires: CheckShape is kOk.
bool WritesOtherDatabase(const CommandSpec& spec, const Request& request);

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
