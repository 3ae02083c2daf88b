#include "proxy/session/client_requests.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "backends/wire/ascii.h"
#include "backends/wire/integer.h"
#include "proxy/session/failure_words.h"
#include "proxy/session/pinned_requests.h"
#include "proxy/state/deliveries.h"

namespace ringproxy::proxy {
namespace {

// A client's requests under way may hold this many bytes of memory (one request may always be larger).
constexpr size_t kRequestBytesInFlight = 16 << 20;
// A client that has not logged in gets nothing but errors.
constexpr size_t kUnreadBeforeLogin = 16 << 10;

ClientIdentity IdentityOf(const ClientState& client) {
  return {client.id, client.ip, client.labels ? std::string_view(client.labels->user) : std::string_view(),
          client.flavour.database};
}

// What the limits say of all commands of the client's transaction together.
RateLimiter::Decision AskForTransaction(ClientIo& io, uint32_t listener, const ClientState& client,
                                        backends::Ticket* ticket) {
  ClientIdentity identity = IdentityOf(client);
  io.limiter.Begin(*io.held);
  const auto add = [&](const wire::CommandSpec& spec, const wire::Request& request) {
    if (spec.within_multi == wire::WithinMulti::kSelects)
      identity.database = static_cast<uint16_t>(wire::ParseInteger(request[1]).value_or(0));
    const auto row = static_cast<uint32_t>(wire::CommandIndex(spec));
    io.limiter.Add({listener, row, spec, request, std::nullopt, identity});
  };
  client.transaction->ForEach(add);
  if (const SplicedCommands* const spliced = client.transaction->spliced()) spliced->ForEachAsked(add);
  return io.limiter.AdmitAdded(identity, ticket);
}

bool ChangesTopics(const wire::CommandSpec& spec) {
  return spec.name.ends_with("subscribe");
}

void SendToNodes(ClientIo& io, ReplyForecast& forecast, const Origin& origin, RoutedRequest& routed,
                 backends::Ticket ticket) {
  forecast.OnRequest();
  io.dispatcher.Dispatch(routed, origin, ticket);
}

// MONITOR, or MONITOR SAMPLE n: one of n commands.
void Monitor(ClientIo& io, ClientState& client, const wire::Request& request, backends::Ticket ticket) {
  constexpr int64_t kMostSampled = 1'000'000;
  const bool samples = request.size() == 3 && wire::EqualsIgnoringCase(request[1], "sample");
  const int64_t one_in = samples ? wire::ParseInteger(request[2]).value_or(0) : 1;
  const bool is_known = (samples || request.size() == 1) && one_in > 0 && one_in <= kMostSampled;
  if (io.servers->monitors->Start(ticket.owner, is_known ? static_cast<uint32_t>(one_in) : 0, ticket))
    client.refused.NoteMonitors();
}

wire::Failure FailureOf(const RateLimiter::Decision& refusal) {
  wire::Failure failure{.code = wire::ErrorCode::kRateLimited};
  failure.limit = refusal.limit->name;
  failure.retry_after = refusal.retry_after;
  return failure;
}

// What an EXEC reads that the limits refuse.
std::string DiscardedBy(const RateLimiter::Decision& refusal) {
  std::string reason;
  wire::AppendRedisError(FailureOf(refusal), &reason);
  wire::Failure discarded{.code = wire::ErrorCode::kTransactionDiscarded};
  // It stands without the type of an error and without its end.
  discarded.words = std::string_view(reason).substr(1, reason.find('\r') - 1);
  std::string text;
  wire::AppendRedisError(discarded, &text);
  return text;
}

// Of a quiet get of the binary protocol, which is one of many. Also where no node is there: an error among values names
// no key, and some libraries take it for the end of them.
bool IsMiss(const Snapshot& snapshot, const wire::Failure& failure) {
  const auto pool = std::ranges::find(snapshot.config.pools, failure.pool, &conf::Pool::name);
  return pool != snapshot.config.pools.end() && pool->on_partial == conf::OnPartial::kMiss;
}

}  // namespace

ClientRequests::ClientRequests(ClientIo& io, ListenerContext& listener, ClientState& client, backends::Ticket owner,
                               TurnMark& mark, net::SendQueue& output)
    : io_(io),
      listener_(listener),
      client_(client),
      mark_(mark),
      output_(output),
      replies_(io.io.blocks),
      is_stopped_(listener.pause.is_on()),
      owner_(owner) {}

void ClientRequests::AnswerHere(std::string_view reply, size_t request_bytes, wire::ReplyWish wish) {
  const uint32_t slot = replies_.Open({.opened = io_.io.loop.now(), .request_bytes = request_bytes, .wish = wish});
  own_.Add(reply.size());
  is_stopped_ |= own_.is_much();
  if (reply.size() > io_.io.memory.most_taken()) [[unlikely]] {
    io_.Count(wire::ErrorCode::kOutOfMemory);
    std::string text;
    AppendFailure(listener_.conf.protocol, {wire::ErrorCode::kOutOfMemory}, &text);
    return Answer(slot, backends::Reply(text));
  }
  Answer(slot, backends::Reply(reply));
}

void ClientRequests::Dispatch(RoutedRequest& routed, size_t request_bytes, wire::ReplyWish wish) {
  const Snapshot& snapshot = **io_.held;
  const uint32_t pool = io_.dispatcher.PoolOf(routed, snapshot.listeners[listener_.index]);
  const auto access = static_cast<size_t>(routed.spec.access);
  backends::Ticket ticket = owner_;
  // Opened before the limits are asked: a refusal is a reply as well and takes its turn (semantics.md 13).
  ticket.slot = replies_.Open({.opened = io_.io.loop.now(),
                               .histogram = &io_.pool_stats[pool].request_duration[access],
                               .request_bytes = request_bytes,
                               .wish = wish});
  const LimitRules& rules = *snapshot.limits;
  // Most requests are no limit's concern, and their command alone tells so.
  const bool is_concerned = rules.MayConcern(listener_.index, routed.command) || rules.has_priorities();
  if (is_concerned && !PassesLimits(routed, ticket.slot, &ticket)) [[unlikely]]
    return;
  SendToNodes(io_, forecast_, {*io_.held, listener_.index, {owner_.owner, client_.flavour}}, routed, ticket);
}

void ClientRequests::DispatchAlone(RoutedRequest& routed, size_t request_bytes, wire::Quiet quiet) {
  backends::Ticket ticket = owner_;
  ticket.slot = replies_.Open({.opened = io_.io.loop.now(), .request_bytes = request_bytes, .wish = quiet});
  Stop();
  if (replies_.size() == 1) return SendApart(routed, ticket, Limits::kAsk);
  parked_ = std::make_unique<ParkedRequest>(std::move(routed), ticket.slot, true);
}

bool ClientRequests::DispatchPubSub(RoutedRequest& routed, size_t request_bytes, wire::Quiet quiet, bool follows) {
  const uint32_t slot = replies_.next_number();
  order_.HoldBehind(slot);
  if (routed.spec.handling == wire::Handling::kLocal) {
    backends::Ticket ticket = owner_;
    ticket.slot = replies_.Open({.opened = io_.io.loop.now(), .request_bytes = request_bytes, .wish = quiet});
    forecast_.OnRequest();
    io_.subscriptions->End(owner_.owner, ticket);
    is_stopped_ = awaits_all_ = true;
    return true;
  }
  if (!follows || !order_.MustFollow(replies_, routed.spec.name.ends_with("publish"))) {
    Dispatch(routed, request_bytes, quiet);
    // What the client says next may be about what it has just subscribed to.
    if (ChangesTopics(routed.spec) && !replies_.empty()) is_stopped_ = awaits_all_ = true;
    return true;
  }
  replies_.Open({.opened = io_.io.loop.now(), .request_bytes = request_bytes, .wish = quiet});
  parked_ = std::make_unique<ParkedRequest>(std::move(routed), slot, true);
  is_stopped_ = true;
  return false;
}

void ClientRequests::OnMessage(backends::Reply&& message) {
  replies_.Push(order_.behind(), std::move(message), output_);
  io_.Mark(mark_);
}

void ClientRequests::Execute(const wire::CommandSpec& spec, const wire::Request& request, size_t request_bytes,
                             wire::Quiet quiet) {
  const Snapshot& snapshot = **io_.held;
  const uint32_t pool = snapshot.listeners[listener_.index].routes.back().pool;
  backends::Ticket ticket = owner_;
  ticket.slot =
      replies_.Open({.opened = io_.io.loop.now(),
                     .histogram = &io_.pool_stats[pool].request_duration[static_cast<size_t>(wire::Access::kWrite)],
                     .request_bytes = request_bytes + client_.transaction->held_bytes(),
                     .wish = quiet});
  // Over a link of its own it would overtake what is under way, and so would a question to all nodes.
  const bool is_apart = client_.transaction->is_large() && !client_.flavour.is_pinned;
  const SplicedCommands* const spliced = client_.transaction->spliced();
  const bool follows = is_apart || (spliced && spliced->asks());
  RoutedRequest routed{spec, request, {}};
  if (!follows || replies_.size() == 1) return SendApart(routed, ticket, Limits::kAsk);
  parked_ = std::make_unique<ParkedRequest>(std::move(routed), ticket.slot, true);
  is_stopped_ = true;
}

void ClientRequests::SendApart(RoutedRequest& routed, backends::Ticket ticket, Limits limits) {
  const bool asks = limits == Limits::kAsk;
  if (client_.transaction) {
    Transaction& transaction = *client_.transaction;
    // What the limits have passed may have become their own.
    if (asks && transaction.spliced()) ticket.kind = backends::Ticket::Kind::kSelect;
    if (asks && !PassesLimits(routed, ticket.slot, &ticket)) return;
    forecast_.OnRequest();
    std::unique_ptr<SplicedCommands> spliced = transaction.TakeSpliced();
    // What comes behind it takes other links, or may read another state of the client.
    const bool stops =
        spliced || transaction.is_large() || client_.flavour.is_pinned || forecast_.IsMuch(transaction.count());
    if (spliced) {
      // The ticket may be the limits', and its slot none of the client's.
      const uint32_t slot = replies_.next_number() - 1;
      const backends::Ticket own{owner_.owner, owner_.generation, slot, backends::Ticket::Kind::kSelect};
      auto rest = std::make_unique<SplicedReplies>(io_, listener_, client_, own, std::move(spliced));
      change_ = std::make_unique<ClientChange>(ClientChange{.slot = slot, .spliced = std::move(rest)});
    }
    SendTransaction(io_, client_, {*io_.held, listener_.index, {owner_.owner, client_.flavour}}, ticket);
    if (stops) [[unlikely]]
      Stop();
    return;
  }
  if (routed.spec.handling == wire::Handling::kClients) {
    // No limit counts it, for it costs no node anything.
    forecast_.OnRequest();
    return io_.servers->clients->Ask(routed, client_, listener_.index, ticket);
  }
  const LimitRules& rules = *(*io_.held)->limits;
  const bool is_concerned = rules.MayConcern(listener_.index, routed.command) || rules.has_priorities();
  if (asks && is_concerned && !PassesLimits(routed, ticket.slot, &ticket)) return;
  const Origin origin{*io_.held, listener_.index, {owner_.owner, client_.flavour}};
  if (routed.spec.handling == wire::Handling::kControl) return SendToNodes(io_, forecast_, origin, routed, ticket);
  forecast_.OnRequest();
  if (routed.spec.name == "monitor") return Monitor(io_, client_, routed.request, ticket);
  if (routed.spec.handling == wire::Handling::kServers) return io_.servers->Ask(routed, origin, ticket);
  if (routed.spec.handling == wire::Handling::kListing) return io_.servers->listings->Start(routed, origin, ticket);
  SendPinned(io_, client_, routed, origin, ticket);
}

bool ClientRequests::PassesLimits(RoutedRequest& routed, uint32_t slot, backends::Ticket* ticket) {
  RateLimiter::Decision decision;
  if (client_.transaction) {
    if (!(*io_.held)->limits->rules().empty()) decision = AskForTransaction(io_, listener_.index, client_, ticket);
  } else {
    const ClientIdentity client = IdentityOf(client_);
    const LimitedRequest asked{listener_.index, routed.command,     routed.spec,
                               routed.request,  routed.routing_key, client};
    routed.has_priority = io_.limiter.HasPriority(*(*io_.held)->limits, asked);
    decision = io_.limiter.Admit(*io_.held, asked, ticket);
  }
  switch (decision.verdict) {
    case RateLimiter::Verdict::kAdmitted: return true;
    case RateLimiter::Verdict::kRefused: Refuse(routed.spec, routed.request, slot, decision); break;
    case RateLimiter::Verdict::kWaits:
      parked_ = std::make_unique<ParkedRequest>(std::move(routed), slot);
      is_stopped_ = true;
      break;
  }
  return false;
}

void ClientRequests::Refuse(const wire::CommandSpec& spec, const wire::Request& request, uint32_t slot,
                            const RateLimiter::Decision& decision) {
  io_.Count(wire::ErrorCode::kRateLimited);
  if (client_.transaction) {
    client_.transaction.reset();
    if (client_.flavour.is_pinned) Stop();
    LeavePinned(io_, client_, owner_.owner);
    return Answer(slot, backends::Reply(DiscardedBy(decision)));
  }
  const bool as_miss = decision.limit->deny_as == conf::DenyAs::kMiss;
  std::string text;
  // Where the protocol has no words for a miss of this request, it is refused in those of an error.
  if (!as_miss || !AppendMiss(listener_.conf.protocol, spec, request, &text))
    AppendFailure(listener_.conf.protocol, FailureOf(decision), &text);
  Answer(slot, backends::Reply(text));
}

void ClientRequests::OnAdmitted(uint32_t slot, backends::Ticket use) {
  assert(parked_ && parked_->slot() == slot);
  const std::unique_ptr<ParkedRequest> parked = std::exchange(parked_, nullptr);
  RoutedRequest routed = parked->Take();
  const wire::Handling handling = routed.spec.handling;
  const bool is_apart = client_.transaction || handling == wire::Handling::kServers ||
                        handling == wire::Handling::kListing || wire::IsPinned(routed.spec, routed.request);
  is_apart ? SendApart(routed, use, Limits::kPassed)
           : SendToNodes(io_, forecast_, {*io_.held, listener_.index, {owner_.owner, client_.flavour}}, routed, use);
  // At the end of the turn it reads on.
  io_.Mark(mark_);
}

void ClientRequests::OnRefused(uint32_t slot, const RateLimiter::Decision& decision) {
  assert(parked_ && parked_->slot() == slot);
  const std::unique_ptr<ParkedRequest> parked = std::exchange(parked_, nullptr);
  Refuse(parked->spec(), parked->request(), slot, decision);
}

void ClientRequests::Select(const RoutedRequest& routed, uint16_t database, size_t request_bytes, wire::Quiet quiet) {
  backends::Ticket ticket = owner_;
  ticket.kind = backends::Ticket::Kind::kSelect;
  ticket.slot = replies_.Open({.opened = io_.io.loop.now(), .request_bytes = request_bytes, .wish = quiet});
  change_ = std::make_unique<ClientChange>(ClientChange{.slot = ticket.slot, .database = database});
  // What the next request means is not known before; and then it takes other links.
  Stop();
  forecast_.OnRequest();
  const backends::Flavour flavour{database, client_.flavour.protocol};
  io_.dispatcher.whole_fleet().Ask(routed, {*io_.held, listener_.index, {owner_.owner, flavour}}, ticket);
}

void ClientRequests::OnSelected(uint32_t slot, backends::Reply&& reply) {
  if (change_->spliced) {
    std::optional<backends::Reply> whole = change_->spliced->Take(std::move(reply));
    replies_.NoteUnfinished(whole ? 0 : change_->spliced->held_bytes());
    if (!whole) return;
    change_.reset();
    return OnReply(slot, std::move(*whole));
  }
  const std::unique_ptr<ClientChange> change = std::exchange(change_, nullptr);
  if (reply.bytes() == "+OK\r\n") {
    EnterDatabase(change->database, &client_);
    if (client_.flavour.is_pinned) FollowPinned(io_, client_, owner_.owner);
    // A node that has this one has all below it.
    listener_.proved_databases = std::max<uint32_t>(listener_.proved_databases, change->database + 1);
  }
  OnReply(slot, std::move(reply));
}

void ClientRequests::OnReply(uint32_t slot, backends::Reply&& reply) {
  forecast_.OnReply(reply.size());
  Answer(slot, std::move(reply));
}

void ClientRequests::OnFailure(uint32_t slot, const wire::Failure& failure) {
  // Not the sessions' scratch: a request may fail while its session still builds a reply there.
  std::string text;
  if (client_.flavour.is_binary() && replies_.wish(slot).quiet == wire::Quiet::kBinaryMiss &&
      IsMiss(**io_.held, failure))
    return OnReply(slot, backends::Reply(std::string_view("END\r\n")));
  AppendFailure(listener_.conf.protocol, failure, &text);
  if (change_ && change_->slot == slot) {
    // The transaction was executed, and the failure is of a question behind it.
    if (change_->spliced && change_->spliced->is_executed()) return OnSelected(slot, backends::Reply(text));
    change_.reset();
  }
  forecast_.OnFailure();
  Answer(slot, backends::Reply(text));
}

void ClientRequests::Answer(uint32_t slot, backends::Reply&& reply) {
  // It was not idle while it waited.
  client_.last_active = io_.io.loop.now();
  replies_.Resolve(slot, std::move(reply), client_.last_active, output_);
  listener_.stats.replies.Add();
  io_.Mark(mark_);
}

ClientRequests::Room ClientRequests::RoomWhenStopped() {
  if (parked_ && parked_->for_turn() && replies_.size() == 1) {
    const std::unique_ptr<ParkedRequest> parked = std::exchange(parked_, nullptr);
    RoutedRequest routed = parked->Take();
    backends::Ticket ticket = owner_;
    ticket.slot = parked->slot();
    if (routed.spec.handling != wire::Handling::kPubSub) {
      SendApart(routed, ticket, Limits::kAsk);
    } else {
      awaits_all_ |= ChangesTopics(routed.spec);
      const Origin origin{*io_.held, listener_.index, {owner_.owner, client_.flavour}};
      if (PassesLimits(routed, ticket.slot, &ticket)) SendToNodes(io_, forecast_, origin, routed, ticket);
    }
  }
  awaits_all_ = awaits_all_ && !replies_.empty();
  const bool needs_login = client_.refused.needs_login();
  // What was popped for the client is first written, so that there is one such reply at a time.
  const bool is_unwritten = io_.waits.deliveries().Has(owner_.owner);
  const bool stops = parked_ != nullptr || awaits_all_ || is_unwritten || own_.is_much() ||
                     (needs_login && output_.size() >= kUnreadBeforeLogin);
  const bool is_paused = listener_.pause.is_on();
  is_stopped_ = false;
  const Room left = stops ? Room::kNone : room();
  is_stopped_ = stops || needs_login || is_paused;
  return left == Room::kSome && is_paused ? Room::kHeld : left;
}

// No call within it but the last one: it is asked for each request.
ClientRequests::Room ClientRequests::room() {
  if (is_stopped_) [[unlikely]]
    return RoomWhenStopped();
  // What was asked of the nodes counts before it comes, for then it cannot be refused any more.
  const size_t reply_bytes = output_.size() + replies_.aside_bytes() + forecast_.bytes();
  const bool is_full = replies_.size() >= listener_.conf.limits.requests_in_flight ||
                       replies_.request_bytes() >= kRequestBytesInFlight || forecast_.is_full() ||
                       reply_bytes > listener_.conf.limits.output_bytes || !io_.io.memory.MayHold(reply_bytes);
  return is_full ? Room::kNone : Room::kSome;
}

void ClientRequests::EndTurn() {
  own_.EndTurn(output_.size() + replies_.aside_bytes());
}

}  // namespace ringproxy::proxy
