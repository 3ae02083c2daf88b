// backends/wire/error_text.h – The words of everything a client is refused.
//
// Purpose: every other part fails with an ErrorCode; only this one knows what the client reads, and the name under
// which `errors_total` counts it. Texts are a contract (tests/golden/error_texts.txt): clients match on them. Threads:
// pure functions over constant tables. Promise: what is appended is always one whole RESP error or one memcached line,
// whatever bytes the client or the configuration gave.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "backends/wire/request.h"

namespace ringproxy::wire {

enum class ErrorCode : uint8_t {
  kNodeDown,        // The node's connection is broken, or its breaker is open.
  kNoUsableNode,    // Every node of the pool is down.
  kTimeout,         // No reply came in time.
  kNoConnection,    // It waited for its link to the node all the time, and was not sent.
  kNodeOverloaded,  // The node has as many requests or bytes in flight as it may.
  kBadReply,        // A node answered something that does not fit the request.
  kCrossSlot,       // The keys lie on different nodes, and the command cannot be split.
  kNotSupported,    // AppendNotSupported
  kUnknownCommand,  // AppendUnknownCommand, AppendUnknownSubcommand
  kWrongArity,      // AppendWrongArity
  kSyntax,          // The arguments of a command that the proxy answers itself are wrong.
  kKeyTooLong,
  kTooLarge,
  kProtocol,  // AppendProtocolError; then the connection is closed.
  kNoRoute,   // No route of the listener matches the key.
  kTooManyClients,
  kRateLimited,
  kShuttingDown,
  kNoAuth,                 // The client has to log in first.
  kWrongPassword,          // It was told one; or it has told too many.
  kOutOfMemory,            // What the process may have is taken, or this would take too much of it.
  kFlavourRefused,         // The node refuses the client's protocol or database, in `words`.
  kNodeBusy,               // A client's script keeps the node from everybody else, who read its `words`.
  kTooManyFlavours,        // Links of `most` other protocols and databases are in use at the node.
  kTransactionTooLarge,    // A command more than a transaction may have.
  kTransactionNotAllowed,  // A command that cannot be part of one.
  kTransactionDiscarded,   // EXEC: nothing was executed, for `words`.
  kTransactionUnknown,     // EXEC: it was sent, and nobody knows what became of it.
  kNoTransactions,         // The node refuses MULTI or EXEC.
  kTooManyPinned,          // Clients have `most` links of the node for themselves.
  kTooManyOwn,             // The client has `most` links for itself.
  kWaitLost,               // The link broke on which a blocking command waited.
};
inline constexpr size_t kErrorCodes = static_cast<size_t>(ErrorCode::kWaitLost) + 1;

// What failed and where. The views belong to the configuration in force and outlive the call they are given to.
struct Failure {
  ErrorCode code = ErrorCode::kNodeDown;
  std::string_view pool = {};
  std::string_view node = {};
  std::chrono::microseconds timeout{};  // kTimeout, kNoConnection: the limit that passed.
  std::string_view limit = {};          // kRateLimited: which.
  // kRateLimited: the least wait until it may be admitted; below zero, none helps.
  std::chrono::microseconds retry_after{};
  // kCrossSlot: two keys of the request; `node` has the first one, `other_node` the other.
  std::string_view key = {};
  std::string_view other_key = {};
  std::string_view other_node = {};
  // kFlavourRefused, kNodeBusy: what the node says; kTransactionDiscarded: why. An error without its '-' and line end,
  // which lives as long as the call.
  std::string_view words = {};
  uint32_t most = 0;  // kTooManyFlavours, kTooManyPinned, kTooManyOwn
  // Its last byte was sent, so that nobody knows whether the node has executed it, or will.
  bool may_have_run = false;
};

// The value of the label `code`: "node_down".
std::string_view ErrorName(ErrorCode code);

// "-NODEDOWN node r1 of pool sessions is down\r\n". The codes that need more than a Failure (see above) get a text
// without the particulars.
void AppendRedisError(const Failure& failure, std::string* out);

// "SERVER_ERROR node down\r\n", classic text and meta alike.
void AppendMemcacheError(ErrorCode code, std::string* out);

// These have the words of Redis 7.0, its truncations included.
void AppendUnknownCommand(const Request& request, std::string* out);
void AppendUnknownSubcommand(const Request& request, std::string* out);
// `name` as in the command table: "get", "config|get".
void AppendWrongArity(std::string_view name, std::string* out);
// `error` is RequestParser::error().
void AppendProtocolError(std::string_view error, std::string* out);

// "-ERR 'multi' is not supported by ringproxy: why".
void AppendNotSupported(std::string_view name, std::string_view why, std::string* out);

// A node's error that says that it does not know the command or subcommand, and behind its own words which node said
// so: in a fleet of several releases the others may know it. `release`: "Redis 7.0.15", or empty. False, and nothing is
// appended, for every other reply.
bool AppendUnknownAtNode(std::string_view reply, const Failure& at, std::string_view release, std::string* out);

}  // namespace ringproxy::wire
