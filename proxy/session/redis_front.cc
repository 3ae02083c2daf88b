#include "proxy/session/redis_front.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "backends/line_limit.h"
#include "backends/wire/ascii.h"
#include "backends/wire/command.h"
#include "backends/wire/integer.h"
#include "backends/wire/resp_encode.h"
#include "proxy/session/busy_words.h"
#include "proxy/session/pinned_requests.h"

namespace ringproxy::proxy {
namespace {

// The first command of a browser or of a cross-protocol attack, closed without a word as Redis does.
bool LooksLikeHttp(const wire::Request& request) {
  return wire::EqualsIgnoringCase(request.name(), "post") || wire::EqualsIgnoringCase(request.name(), "host:");
}

// Whether it is the EXEC of a transaction that nothing has aborted, and that is for a node to execute. Also an empty
// one of a client that watches keys is for their node to judge.
bool MayExecute(const ClientState& client, const wire::CommandSpec& spec) {
  const Transaction& transaction = *client.transaction;
  return spec.name == "exec" && (transaction.queued() > 0 || client.flavour.is_pinned) && !transaction.is_aborted();
}

}  // namespace

RedisFront::RedisFront(const ClientParts& parts) : ProtocolFront(parts) {
  if (listener().gate.is_open()) return;
  client().refused.NeedLogin();
  BoundBeforeLogin();
}

void RedisFront::BoundBeforeLogin() {
  ForgetHalfRead();
  parser_ = std::make_unique<wire::RequestParser>(wire::BeforeLogin(listener().limits));
  parser_is_bounded_ = true;
  requests().Stop();
}

ProtocolFront::FrontStep RedisFront::ProcessOne() {
  FrontStep step = FrontStep::kNext;
  wire::RequestParser& parser = parser_ ? *parser_ : listener().redis_parser;
  switch (parser.Parse(input().bytes())) {
    case wire::RequestParser::RespStatus::kNeedMore: KeepHalfRead(); return FrontStep::kNeedMore;
    case wire::RequestParser::RespStatus::kBad: step = RefuseProtocol(parser.error()); break;
    case wire::RequestParser::RespStatus::kNothing: input().Consume(parser.size()); break;
    case wire::RequestParser::RespStatus::kRequest: {
      const wire::Request request = parser.request();
      const ClientPause& pause = listener().pause;
      if (pause.is_on() && pause.Holds(wire::FindRedisCommand(request), request, client())) [[unlikely]]
        return FrontStep::kHold;
      // An inline request, or one in an unusual form, is encoded anew: its bytes are not those of the input.
      const bool in_place = request.encoded().data() == input().bytes().data();
      step = HandleRequest(request, parser.size(), in_place && input().CanTakeFrame(parser.size()));
      break;
    }
  }
  if (parser_) ForgetHalfRead();
  return step;
}

// The listener's parser has begun with it, and is needed for other clients.
void RedisFront::KeepHalfRead() {
  if (parser_) return;
  auto& idle_parsers = listener().idle_parsers;
  if (idle_parsers.empty()) idle_parsers.push_back(std::make_unique<wire::RequestParser>(listener().limits));
  parser_ = std::move(idle_parsers.back());
  idle_parsers.pop_back();
  std::swap(*parser_, listener().redis_parser);
}

ProtocolFront::FrontStep RedisFront::HandleRequest(const wire::Request& request, size_t size, bool in_own_block) {
  // The views of `request` stay valid: a block's bytes do not move with its handle.
  net::Block block = in_own_block ? input().TakeFrame(size) : net::Block();
  const wire::CommandSpec* spec = wire::FindRedisCommand(request);
  if (spec == nullptr) [[unlikely]]
    spec = (*io().held)->listeners[listener().index].FindLearnt(request.name());
  const size_t row = spec != nullptr ? wire::CommandIndex(*spec) : wire::RedisCommands().size();
  backends::Counter& counter = listener().stats.requests[row];
  if (spec == nullptr && LooksLikeHttp(request)) {
    counter.Add();
    spdlog::debug("client {} of listener {}: an HTTP client spoke to a Redis listener", client().address,
                  listener().conf.name);
    return FrontStep::kClose;
  }
  // CLIENT REPLY SKIP is about the request behind it, which is this one.
  if (client().reply_mode == ReplyMode::kSkipNext) client().reply_mode = ReplyMode::kSkipThis;
  io().scratch.clear();
  const std::optional<FrontStep> answered = AnswerHere(spec, request, &io().scratch);
  FrontStep step = FrontStep::kNext;
  if (answered) {
    step = *answered;
    // It stays unread until all before it is answered.
    if (step == FrontStep::kPause) return step;
    counter.Add();
    const bool resets = std::exchange(resets_, false);
    if (resets || selecting_) [[unlikely]] {
      RoutedRequest routed{*spec, request, {}};
      resets ? static_cast<void>(requests().DispatchPubSub(routed, size, QuietNow(), false))
             : requests().Select(routed, *std::exchange(selecting_, std::nullopt), size, QuietNow());
    } else {
      requests().AnswerHere(io().scratch, size, QuietNow());
    }
  } else if (counter.Add(); spec->handling >= wire::Handling::kLocal) {
    step = HandleApart(*spec, request, std::move(block), size);
  } else {
    RoutedRequest routed{*spec, request, std::move(block)};
    routed.command = static_cast<uint32_t>(row);
    requests().Dispatch(routed, size, QuietNow());
  }
  if (client().reply_mode == ReplyMode::kSkipThis) client().reply_mode = ReplyMode::kOn;
  // Only now, since the request's views lie in the input.
  if (!in_own_block) input().Consume(size);
  return step;
}

ProtocolFront::FrontStep RedisFront::HandleApart(const wire::CommandSpec& spec, const wire::Request& request,
                                                 net::Block block, size_t size) {
  if (spec.handling == wire::Handling::kLocal) {
    if (client().refused.is_followed()) io().servers->monitors->Tell(spec, request, client());
    // One without commands may still have keys to watch.
    client().transaction->Begin(io().io.blocks);
    requests().Execute(spec, request, size, QuietNow());
    return FrontStep::kNext;
  }
  RoutedRequest routed{spec, request, std::move(block)};
  routed.command = static_cast<uint32_t>(wire::CommandIndex(spec));
  if (spec.handling == wire::Handling::kPubSub) return HandlePubSub(routed, size);
  if (wire::IsShared(spec) && AnswersInfo(request, size)) return FrontStep::kNext;
  // What a control link carries would overtake what the client has sent before, and so would a question to all nodes.
  const bool is_alone =
      spec.handling == wire::Handling::kControl || wire::IsCollected(spec) || wire::IsPinned(spec, request);
  if (!is_alone) {
    requests().Dispatch(routed, size, QuietNow());
    return FrontStep::kNext;
  }
  const FrontStep step = wire::IsBlocking(spec) ? FrontStep::kWait : FrontStep::kPause;
  requests().DispatchAlone(routed, size, QuietNow());
  return step;
}

bool RedisFront::AnswersInfo(const wire::Request& request, size_t size) {
  io().scratch.clear();
  const bool is_new = !requests().progress().has_asked_nodes;
  if (!io().servers->info.AnswerNow(request, listener().index, client().flavour.protocol, is_new, &io().scratch))
    return false;
  requests().AnswerHere(io().scratch, size, QuietNow());
  return true;
}

ProtocolFront::FrontStep RedisFront::HandlePubSub(RoutedRequest& routed, size_t size) {
  const bool is_acknowledged = routed.spec.name.ends_with("subscribe");
  if (is_acknowledged) client().refused.NoteListens(true);
  // What a client listens to is no reply, and said to one that wants none as well.
  const wire::Quiet quiet = is_acknowledged ? wire::Quiet::kNone : QuietNow();
  // A single node publishes after what came before anyway.
  const bool follows = is_acknowledged || (routed.spec.name.ends_with("publish") && !HasOneNode());
  return requests().DispatchPubSub(routed, size, quiet, follows) ? FrontStep::kNext : FrontStep::kPause;
}

bool RedisFront::IsRefusedToListener(const wire::CommandSpec& spec, const wire::Request& request, std::string* out) {
  if (io().subscriptions->CountsOf(requests().owner()) == TopicCounts{}) {
    client().refused.NoteListens(false);
    return false;
  }
  if (client().flavour.protocol != 2) return false;
  if (spec.name.ends_with("subscribe") || spec.name == "quit" || spec.name == "reset") return false;
  if (spec.name == "ping") {
    // Too many words are an error as ever.
    if (request.size() > 2) return false;
    wire::AppendArrayHeader(2, out);
    wire::AppendBulk("pong", out);
    wire::AppendBulk(request.size() == 2 ? request[1] : std::string_view(), out);
    return true;
  }
  CountRefusal(wire::CommandIndex(spec), wire::ErrorCode::kNotSupported);
  const bool is_exec = spec.name == "exec";
  wire::AppendError(std::string(is_exec ? "EXECABORT Transaction discarded because of: " : "ERR ")
                        .append("Can't execute '")
                        .append(spec.name)
                        .append("': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
                                "context"),
                    out);
  return true;
}

std::optional<ProtocolFront::FrontStep> RedisFront::AnswerHere(const wire::CommandSpec* spec,
                                                               const wire::Request& request, std::string* out) {
  if (spec == nullptr || wire::CheckShape(*spec, request) != wire::Shape::kOk) {
    AnswerMalformed(spec, request, out);
    if (client().transaction) client().transaction->Abort();
    return FrontStep::kNext;
  }
  client().last_command = spec->index;
  if (client().transaction) [[unlikely]] {
    if (IsQueued(*spec, request, out)) return FrontStep::kNext;
    if (const std::string busy =
            spec->name == "exec" ? BusyWords(*io().held, listener().index, requests().replies()) : "";
        !busy.empty()) {
      io().Count(wire::ErrorCode::kTransactionDiscarded);
      FailExec(busy, out);
      return FrontStep::kNext;
    }
    if (MayExecute(client(), *spec)) return std::nullopt;
  }
  const bool may_be_refused = wire::MayBeRefused(*spec) || !client().refused.is_clear();
  if (may_be_refused && IsRefused(*spec, request, out)) {
    // What it has sent behind it relies on it.
    const bool moves = client().refused.ReasonAgainst(*spec) == RefusedState::Reason::kMoves;
    return moves ? FrontStep::kFinish : FrontStep::kNext;
  }
  if (spec->handling != wire::Handling::kLocal) return std::nullopt;
  const bool asks = spec->name == "ping";
  if (const std::string busy = asks ? BusyWords(*io().held, listener().index, requests().replies()) : "";
      !busy.empty()) {
    io().Count(wire::ErrorCode::kNodeBusy);
    wire::AppendRedisError({.code = wire::ErrorCode::kNodeBusy, .words = busy}, out);
    return FrontStep::kNext;
  }
  const backends::Flavour flavour = client().flavour;
  const ListenerFacts facts{listener().index, listener().conf.databases, listener().proved_databases, listener().gate,
                            (*io().held)->listeners[listener().index].learnt_rows()};
  const bool monitored = client().refused.monitors();
  // What comes before it may be about what the client listens to.
  resets_ = client().refused.may_listen() && spec->name == "reset";
  if (resets_ && !requests().replies().empty()) {
    requests().Stop();
    return FrontStep::kPause;
  }
  const LocalOutcome outcome = AnswerLocally(*spec, request, client(), facts, io().view, out);
  if (client().flavour != flavour) OnFlavourChange(flavour);
  OnLocalOutcome(outcome, *spec, request);
  if (monitored && !client().refused.monitors()) io().servers->monitors->End(requests().owner());
  return outcome == LocalOutcome::kCloseAfterReply ? FrontStep::kFinish : FrontStep::kNext;
}

void RedisFront::OnFlavourChange(backends::Flavour before) {
  requests().Stop();
  if (before.is_pinned) FollowPinned(io(), client(), requests().owner());
}

void RedisFront::OnLocalOutcome(LocalOutcome outcome, const wire::CommandSpec& spec, const wire::Request& request) {
  if (outcome == LocalOutcome::kAskNodes)
    selecting_ = static_cast<uint16_t>(wire::ParseInteger(request[1]).value_or(0));
  if (outcome == LocalOutcome::kRefused) CountRefusal(wire::CommandIndex(spec), wire::ErrorCode::kNotSupported);
  if (outcome == LocalOutcome::kWrongPassword) {
    static backends::LineLimit lines;
    lines.Log(io().io.loop.now(), spdlog::level::warn, "client {} of listener {} gave a wrong password",
              client().address, listener().conf.name);
    listener().stats.auth_failures.Add();
    CountRefusal(wire::CommandIndex(spec), wire::ErrorCode::kWrongPassword);
  }
  // RESET ends a login.
  if (client().refused.needs_login() && !parser_is_bounded_) BoundBeforeLogin();
}

void RedisFront::AnswerMalformed(const wire::CommandSpec* spec, const wire::Request& request, std::string* out) {
  if (spec == nullptr) {
    CountRefusal(wire::RedisCommands().size(), wire::ErrorCode::kUnknownCommand);
    return wire::AppendUnknownCommand(request, out);
  }
  if (wire::CheckShape(*spec, request) == wire::Shape::kUnknownSubcommand) {
    CountRefusal(wire::CommandIndex(*spec), wire::ErrorCode::kUnknownCommand);
    return wire::AppendUnknownSubcommand(request, out);
  }
  CountRefusal(wire::CommandIndex(*spec), wire::ErrorCode::kWrongArity);
  if (spec->name != "exec") return wire::AppendWrongArity(spec->name, out);
  // Redis ends the transaction, whatever stands behind the EXEC.
  FailExec("wrong number of arguments for 'exec' command", out);
}

bool RedisFront::HasOneNode() {
  const HeldSnapshot& held = *io().held;
  const std::vector<uint32_t>& pools = held->listeners[listener().index].pools;
  return pools.size() == 1 && held.node_pools[pools.front()].node_count() == 1;
}

void RedisFront::FailExec(std::string_view words, std::string* out) {
  client().transaction.reset();
  const backends::Flavour flavour = client().flavour;
  client().flavour.is_pinned = false;
  if (flavour.is_pinned) OnFlavourChange(flavour);
  wire::AppendRedisError({.code = wire::ErrorCode::kTransactionDiscarded, .words = words}, out);
}

bool RedisFront::IsRefused(const wire::CommandSpec& spec, const wire::Request& request, std::string* out) {
  RefusedState& refused = client().refused;
  // A reload may have taken the password away.
  if (listener().gate.is_open()) refused.LogIn();
  wire::ErrorCode code = wire::ErrorCode::kNotSupported;
  switch (refused.ReasonAgainst(spec)) {
    case RefusedState::Reason::kNoAuth:
      code = wire::ErrorCode::kNoAuth;
      spec.name == "exec"
          ? wire::AppendError("EXECABORT Transaction discarded because of: NOAUTH Authentication required.", out)
          : wire::AppendRedisError({code}, out);
      break;
    case RefusedState::Reason::kMonitors: wire::AppendError("ERR Replica can't interact with the keyspace", out); break;
    case RefusedState::Reason::kMoves:
      wire::AppendError("TRYAGAIN the proxy ends and this connection moves: connect anew", out);
      break;
    case RefusedState::Reason::kListens:
      if (IsRefusedToListener(spec, request, out)) return true;
      [[fallthrough]];
    case RefusedState::Reason::kNone: {
      const Snapshot& snapshot = **io().held;
      // Which pool has the keys is not known yet; whether they share a tag is judged by the default pool's characters.
      const uint32_t default_pool = snapshot.listeners[listener().index].routes.back().pool;
      const std::string_view why = wire::RefusalOf(
          spec, request, {snapshot.pools[default_pool].hash_tag, listener().conf.admin_commands, HasOneNode()});
      if (why.empty()) {
        if (refused.is_followed()) io().servers->monitors->Tell(spec, request, client());
        return false;
      }
      wire::AppendNotSupported(spec.name, why, out);
    }
  }
  CountRefusal(wire::CommandIndex(spec), code);
  return true;
}

ProtocolFront::FrontStep RedisFront::RefuseProtocol(std::string_view error) {
  static backends::LineLimit lines;
  lines.Log(io().io.loop.now(), spdlog::level::info, "client {} of listener {}: {}", client().address,
            listener().conf.name, error);
  // The connection ends with these words, for taking the stream up again would be a guess (semantics.md 30).
  CountRefusal(wire::RedisCommands().size(), wire::ErrorCode::kProtocol);
  io().scratch.clear();
  wire::AppendProtocolError(error, &io().scratch);
  requests().AnswerHere(io().scratch, 0, QuietNow());
  return FrontStep::kFinish;
}

// What follows cannot be told from its rest, so the client goes, as with one that is too large.
ProtocolFront::FrontStep RedisFront::RefuseHalfRead() {
  io().Count(wire::ErrorCode::kOutOfMemory);
  io().scratch.clear();
  wire::AppendRedisError({wire::ErrorCode::kOutOfMemory}, &io().scratch);
  requests().AnswerHere(io().scratch, 0, QuietNow());
  return FrontStep::kFinish;
}

void RedisFront::ForgetHalfRead() {
  if (!parser_) return;
  parser_->Reset();
  if (parser_is_bounded_) {
    if (client().refused.needs_login()) return;
    parser_is_bounded_ = false;
    return parser_.reset();
  }
  listener().idle_parsers.push_back(std::move(parser_));
}

}  // namespace ringproxy::proxy
