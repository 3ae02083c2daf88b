#include "backends/wire/error_text.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cctype>

#include "backends/wire/resp_encode.h"

namespace ringproxy::wire {
namespace {

struct ErrorRow {
  ErrorCode code;
  std::string_view name;
  std::string_view redis;     // What stands in braces is the failure's: see Placeholder.
  std::string_view memcache;  // Short: clients log it, and some take long ones for a broken connection.
};

constexpr ErrorRow kErrors[] = {
    {ErrorCode::kNodeDown, "node_down", "NODEDOWN node {node} of pool {pool} is down", "SERVER_ERROR node down"},
    {ErrorCode::kNoUsableNode, "no_usable_node", "NODEDOWN pool {pool} has no usable node",
     "SERVER_ERROR no usable node"},
    {ErrorCode::kTimeout, "timeout", "TIMEOUT node {node} did not answer within {timeout}", "SERVER_ERROR timeout"},
    {ErrorCode::kNoConnection, "no_connection",
     "TIMEOUT no connection of this kind to node {node} could be had within {timeout}", "SERVER_ERROR timeout"},
    {ErrorCode::kNodeOverloaded, "node_overloaded",
     "OVERLOADED node {node} of pool {pool} has too many requests in flight", "SERVER_ERROR node overloaded"},
    {ErrorCode::kBadReply, "bad_reply", "BADREPLY a node's reply does not fit the request",
     "SERVER_ERROR bad reply from a node"},
    {ErrorCode::kCrossSlot, "cross_slot",
     "CROSSSLOT Keys in request don't hash to the same node: '{key}' is on {node}, '{other_key}' on {other_node}; use "
     "a "
     "hash tag or a route",
     "SERVER_ERROR not supported"},
    {ErrorCode::kNotSupported, "not_supported", "ERR not supported by ringproxy", "SERVER_ERROR not supported"},
    {ErrorCode::kUnknownCommand, "unknown_command", "ERR unknown command", "ERROR"},
    {ErrorCode::kWrongArity, "wrong_arity", "ERR wrong number of arguments", "ERROR"},
    {ErrorCode::kSyntax, "syntax", "ERR syntax error", "CLIENT_ERROR bad command line format"},
    {ErrorCode::kKeyTooLong, "key_too_long", "ERR key is too long", "CLIENT_ERROR bad command line format"},
    {ErrorCode::kTooLarge, "too_large", "ERR Protocol error: invalid bulk length",
     "SERVER_ERROR object too large for cache"},
    {ErrorCode::kProtocol, "protocol", "ERR Protocol error", "CLIENT_ERROR line too long"},
    {ErrorCode::kNoRoute, "no_route", "ERR no pool serves this key", "SERVER_ERROR no pool serves this key"},
    // These are the servers' own words, by which clients and health checks know a server without room.
    {ErrorCode::kTooManyClients, "too_many_clients", "ERR max number of clients reached",
     "ERROR Too many open connections"},
    {ErrorCode::kRateLimited, "rate_limited", "RATELIMITED retry_after_ms={retry_after_ms} limit={limit}",
     "SERVER_ERROR rate limited"},
    {ErrorCode::kShuttingDown, "shutting_down", "ERR ringproxy is shutting down", "SERVER_ERROR shutting down"},
    {ErrorCode::kNoAuth, "no_auth", "NOAUTH Authentication required.", "SERVER_ERROR not supported"},
    {ErrorCode::kWrongPassword, "wrong_password", "WRONGPASS invalid username-password pair or user is disabled.",
     "SERVER_ERROR not supported"},
    {ErrorCode::kOutOfMemory, "out_of_memory",
     "ERR ringproxy has no memory left for this: ask for less at a time, read replies sooner, or raise memory_limit",
     "SERVER_ERROR out of memory"},
    {ErrorCode::kFlavourRefused, "flavour_refused", "{words}", "SERVER_ERROR not supported"},
    {ErrorCode::kNodeBusy, "node_busy", "{words}", "SERVER_ERROR not supported"},
    {ErrorCode::kTooManyFlavours, "too_many_flavours",
     "ERR node {node} of pool {pool} has links of {most} other protocols and databases in use, as many as "
     "flavours_per_node allows",
     "SERVER_ERROR not supported"},
    {ErrorCode::kTransactionTooLarge, "transaction_too_large", "ERR transaction too large",
     "SERVER_ERROR not supported"},
    {ErrorCode::kTransactionNotAllowed, "transaction_not_allowed", "ERR Command not allowed inside a transaction",
     "SERVER_ERROR not supported"},
    // Clients know this word for a transaction of which nothing was executed (semantics.md 19).
    {ErrorCode::kTransactionDiscarded, "transaction_discarded", "EXECABORT Transaction discarded because of: {words}",
     "SERVER_ERROR not supported"},
    {ErrorCode::kTransactionUnknown, "transaction_unknown", "ERR transaction sent to {node}, no reply: it may have run",
     "SERVER_ERROR not supported"},
    {ErrorCode::kNoTransactions, "no_transactions", "ERR node {node} of pool {pool} refuses MULTI or EXEC",
     "SERVER_ERROR not supported"},
    {ErrorCode::kTooManyPinned, "too_many_pinned",
     "ERR max number of blocked clients of {node} reached: pinned_per_node of pool {pool} allows {most}",
     "SERVER_ERROR not supported"},
    {ErrorCode::kTooManyOwn, "too_many_own",
     "ERR max number of connections to nodes of one client's own reached: pinned_per_client allows {most}",
     "SERVER_ERROR not supported"},
    {ErrorCode::kWaitLost, "wait_lost", "ERR {node} lost while waiting: an element may have been taken",
     "SERVER_ERROR not supported"},
};

constexpr bool EveryCodeHasItsRow() {
  for (size_t i = 0; i < std::size(kErrors); ++i) {
    if (static_cast<size_t>(kErrors[i].code) != i) return false;
  }
  return std::size(kErrors) == kErrorCodes;
}
// RowOf finds a row by its code's number.
static_assert(EveryCodeHasItsRow());

const ErrorRow& RowOf(ErrorCode code) {
  assert(static_cast<size_t>(code) < kErrorCodes);
  return kErrors[static_cast<size_t>(code)];
}

// The unit is the largest that leaves a whole number, so that the text is what the configuration says.
std::string DurationText(std::chrono::microseconds duration) {
  struct Unit {
    int64_t microseconds;
    std::string_view name;
  };
  constexpr Unit kUnits[] = {{60'000'000, "m"}, {1'000'000, "s"}, {1'000, "ms"}, {1, "us"}};
  const int64_t count = duration.count();
  const auto divides = [count](const Unit& unit) { return count != 0 && count % unit.microseconds == 0; };
  const Unit* const found = std::ranges::find_if(kUnits, divides);
  // 0 is a multiple of every unit: it is shown as 0ms, in the unit of most timeouts.
  const Unit& unit = found != std::end(kUnits) ? *found : kUnits[2];
  return std::to_string(count / unit.microseconds).append(unit.name);
}

// Waits are rounded up, so that a client that comes back then is not a moment too early.
std::string Milliseconds(std::chrono::microseconds wait) {
  if (wait.count() < 0) return "-1";
  return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(wait).count());
}

// Redis prints arguments as C strings: what follows a NUL is not shown.
std::string_view Shown(std::string_view argument, size_t most) {
  return argument.substr(0, std::min(most, argument.find('\0')));
}

constexpr size_t kShown = 128;  // Bytes of a name, and of all arguments together.

std::string Placeholder(std::string_view name, const Failure& failure) {
  if (name == "node") return std::string(failure.node);
  if (name == "pool") return std::string(failure.pool);
  if (name == "limit") return std::string(failure.limit);
  if (name == "key") return std::string(Shown(failure.key, kShown));
  if (name == "other_key") return std::string(Shown(failure.other_key, kShown));
  if (name == "other_node") return std::string(failure.other_node);
  if (name == "words") return std::string(failure.words);
  if (name == "most") return std::to_string(failure.most);
  if (name == "retry_after_ms") return Milliseconds(failure.retry_after);
  assert(name == "timeout");
  return DurationText(failure.timeout);
}

}  // namespace

std::string_view ErrorName(ErrorCode code) {
  return RowOf(code).name;
}

void AppendRedisError(const Failure& failure, std::string* out) {
  std::string text;
  std::string_view rest = RowOf(failure.code).redis;
  for (size_t open = rest.find('{'); open != std::string_view::npos; open = rest.find('{')) {
    const size_t close = rest.find('}', open);
    text.append(rest.substr(0, open)).append(Placeholder(rest.substr(open + 1, close - open - 1), failure));
    rest.remove_prefix(close + 1);
  }
  // A key may hold line ends, of which AppendError makes blanks: a client cannot forge a second reply.
  AppendError(text.append(rest), out);
}

void AppendMemcacheError(ErrorCode code, std::string* out) {
  out->append(RowOf(code).memcache).append("\r\n");
}

void AppendUnknownCommand(const Request& request, std::string* out) {
  std::string arguments;
  for (size_t i = 1; i < request.size() && arguments.size() < kShown; ++i) {
    const std::string_view shown = Shown(request[i], kShown - arguments.size());
    arguments.append("'").append(shown).append("' ");
  }
  std::string text = "ERR unknown command '";
  text.append(Shown(request.name(), kShown)).append("', with args beginning with: ").append(arguments);
  AppendError(text, out);
}

void AppendUnknownSubcommand(const Request& request, std::string* out) {
  assert(request.size() >= 2);
  std::string container(Shown(request.name(), std::string_view::npos));
  // Redis shows the container in capitals here, however it was written.
  std::ranges::transform(container, container.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  std::string text = "ERR unknown subcommand '";
  text.append(Shown(request[1], kShown)).append("'. Try ").append(container).append(" HELP.");
  AppendError(text, out);
}

bool AppendUnknownAtNode(std::string_view reply, const Failure& at, std::string_view release, std::string* out) {
  constexpr std::string_view kUnknown = "-ERR unknown ";
  const std::string_view what = reply.substr(0, kUnknown.size()) == kUnknown ? reply.substr(kUnknown.size()) : "";
  if (!what.starts_with("command ") && !what.starts_with("subcommand ")) return false;
  std::string_view words = reply.substr(1, reply.find('\r') - 1);
  if (words.ends_with(' ')) words.remove_suffix(1);  // Behind the last argument.
  std::string text(words);
  text.append(" (node ").append(at.node).append(" of pool ").append(at.pool).append(", ");
  text.append(release.empty() ? "whose release is not known" : release).append(")");
  AppendError(text, out);
  return true;
}

void AppendWrongArity(std::string_view name, std::string* out) {
  AppendError(std::string("ERR wrong number of arguments for '").append(name).append("' command"), out);
}

void AppendProtocolError(std::string_view error, std::string* out) {
  AppendError(std::string("ERR ").append(error), out);
}

void AppendNotSupported(std::string_view name, std::string_view why, std::string* out) {
  std::string text = "ERR '";
  text.append(name).append("' is not supported by ringproxy: ").append(why);
  AppendError(text, out);
}

}  // namespace ringproxy::wire
