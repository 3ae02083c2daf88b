// Of RedisFront: what becomes of a command between MULTI and EXEC.
#include <utility>

#include "backends/wire/command.h"
#include "backends/wire/integer.h"
#include "backends/wire/resp_encode.h"
#include "proxy/session/busy_words.h"
#include "proxy/session/redis_front.h"

namespace ringproxy::proxy {
namespace {

// Whether a script's text is queued in place of its name. Not a second time for one node; and not where other commands
// would lack the room.
bool ShallBring(const ScriptText& text, const wire::Request& request, const Transaction& transaction,
                std::optional<NodeId> at) {
  const size_t whole = transaction.held_bytes() + request.encoded().size() + text->size();
  return !transaction.is_aborted() && whole <= Transaction::kSharedBytes / 2 && transaction.NeedsScript(text, at);
}

}  // namespace

bool RedisFront::IsQueued(const wire::CommandSpec& spec, const wire::Request& as_it_came, std::string* out) {
  Transaction& transaction = *client().transaction;
  wire::Request request = as_it_came;
  ScriptText brought;
  std::optional<NodeId> script_node;
  if (spec.handling == wire::Handling::kScript) [[unlikely]] {
    script_node = transaction.NodeAmongSeveral(spec, as_it_came, {**io().held, listener().index});
    const auto is_wanted = [&](const ScriptText& text) {
      if (ShallBring(text, as_it_came, transaction, script_node)) brought = text;
      return brought != nullptr;
    };
    request = io().scripts.WithText(spec, as_it_came, listener().index, is_wanted).value_or(as_it_came);
  }
  const auto apart_from_watched = [&]() -> std::optional<wire::Failure> {
    if (!client().flavour.is_pinned) return std::nullopt;
    return io().watches.RefusalOf(requests().owner(), spec, request, {**io().held, listener().index});
  };
  const bool is_local = spec.handling == wire::Handling::kLocal;
  if (spec.within_multi == wire::WithinMulti::kAtOnce) {
    // Of these WATCH alone is none of the proxy's own. Redis refuses it here, and the transaction goes on.
    if (!is_local) wire::AppendError("ERR WATCH inside MULTI is not allowed", out);
    return !is_local;
  }
  const bool is_never_queued =
      is_local || wire::IsCollected(spec) || spec.name.ends_with("subscribe") || wire::IsForbiddenInMulti(spec);
  if (spec.within_multi == wire::WithinMulti::kUsual && is_never_queued) {
    RefuseToQueue(spec, {.code = wire::ErrorCode::kTransactionNotAllowed}, out);
  } else if ((wire::MayBeRefused(spec) || !client().refused.is_clear()) && IsRefused(spec, request, out)) {
    transaction.Abort();
  } else if (const std::string_view why = WhyNotQueued(spec); !why.empty()) {
    CountRefusal(wire::CommandIndex(spec), wire::ErrorCode::kNotSupported);
    wire::AppendNotSupported(spec.name, why, out);
    transaction.Abort();
  } else if (!io().io.memory.HasRoomForRequest(transaction.held_bytes(), request.encoded().size())) {
    io().Count(wire::ErrorCode::kOutOfMemory);
    wire::AppendRedisError({wire::ErrorCode::kOutOfMemory}, out);
    transaction.Abort();
  } else if (const auto elsewhere = apart_from_watched()) {
    RefuseToQueue(spec, *elsewhere, out);
  } else if (const std::string busy = BusyWords(*io().held, listener().index, requests().replies()); !busy.empty()) {
    io().Count(wire::ErrorCode::kNodeBusy);
    wire::AppendRedisError({.code = wire::ErrorCode::kNodeBusy, .words = busy}, out);
    transaction.Abort();
  } else if (const auto failure = QueueOrSplice(spec, request)) {
    RefuseToQueue(spec, *failure, out);
  } else {
    if (brought) transaction.NoteScript(std::move(brought), script_node);
    out->append("+QUEUED\r\n");
  }
  return true;
}

std::optional<wire::Failure> RedisFront::QueueOrSplice(const wire::CommandSpec& spec, const wire::Request& request) {
  Transaction& transaction = *client().transaction;
  const KeyRouting routing{**io().held, listener().index};
  const bool selects = spec.within_multi == wire::WithinMulti::kSelects;
  const int64_t database = selects ? wire::ParseInteger(request[1]).value_or(-1) : -1;
  const bool is_there = database >= 0 && database < listener().conf.databases;
  const bool is_spliced = spec.within_multi == wire::WithinMulti::kSpliced;
  // The error about what is no database stands in its place, too.
  if (is_spliced || (selects && !is_there)) return transaction.Splice(spec, request, routing);
  // Only one node would follow.
  if (selects && transaction.is_spread()) return wire::Failure{.code = wire::ErrorCode::kTransactionNotAllowed};
  const auto failure = transaction.Queue(spec, request, routing, io().io.blocks);
  if (!failure && selects) transaction.NoteSelect(static_cast<uint16_t>(database));
  return failure;
}

void RedisFront::RefuseToQueue(const wire::CommandSpec& spec, const wire::Failure& failure, std::string* out) {
  CountRefusal(wire::CommandIndex(spec), failure.code);
  wire::AppendRedisError(failure, out);
  client().transaction->Abort();
}

std::string_view RedisFront::WhyNotQueued(const wire::CommandSpec& spec) {
  if (spec.handling == wire::Handling::kCursor) return "within a transaction its cursor would be the node's own";
  const bool is_of_fleet = spec.handling == wire::Handling::kAllNodes || spec.handling == wire::Handling::kOneNode ||
                           spec.handling == wire::Handling::kControl;
  return is_of_fleet && !HasOneNode() ? "within a transaction it would concern several nodes" : std::string_view();
}

}  // namespace ringproxy::proxy
