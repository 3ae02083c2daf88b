#include "proxy/session/client_requests.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "proxy/session/failure_words.h"

namespace ringproxy::proxy {
namespace {

// A client's requests under way may hold this many bytes of memory (one request may always be larger).
constexpr size_t kRequestBytesInFlight = 16 << 20;
// Replies that the proxy makes itself wait for nobody, and a few bytes may ask for many (COMMAND, INFO): beyond so many
// that are not written yet no further request is taken. Replies of nodes have the bound that the listener sets, since
// libraries send a long pipeline as a whole before they read.
constexpr size_t kUnreadOwnBytes = 1 << 20;
// Making them takes time as well, and the others have their turn after so many.
constexpr size_t kOwnBytesOfTurn = 8 << 10;
// Replies that wait behind a slow one may be so many times what may wait for a client that does not read: it is not
// its own doing, and what was under way when it was stopped still comes.
constexpr size_t kMostAside = 2;

}  // namespace

ClientRequests::ClientRequests(ClientIo& io, ListenerContext& listener, ClientState& client, backends::Ticket owner,
                               TurnMark& mark, net::SendQueue& output)
    : io_(io),
      listener_(listener),
      client_(client),
      mark_(mark),
      output_(output),
      replies_(io.io.blocks),
      owner_(owner) {}

void ClientRequests::AnswerHere(std::string_view reply, size_t request_bytes, wire::Quiet quiet) {
  const uint32_t slot = replies_.Open({.opened = io_.io.loop.now(), .request_bytes = request_bytes, .quiet = quiet});
  own_bytes_of_turn_ += reply.size();
  if (reply.size() > io_.io.memory.most_taken()) [[unlikely]] {
    io_.Count(wire::ErrorCode::kOutOfMemory);
    std::string text;
    AppendFailure(listener_.conf.protocol, {wire::ErrorCode::kOutOfMemory}, &text);
    return Answer(slot, backends::Reply(text));
  }
  unread_own_bytes_ += reply.size();
  Answer(slot, backends::Reply(reply));
}

void ClientRequests::Dispatch(RoutedRequest& routed, size_t request_bytes, wire::Quiet quiet) {
  const Snapshot& snapshot = **io_.held;
  const uint32_t pool = io_.dispatcher.PoolOf(routed, snapshot.listeners[listener_.index]);
  const auto access = static_cast<size_t>(routed.spec.access);
  backends::Ticket ticket = owner_;
  // Opened before the limits are asked: a refusal is a reply as well and takes its turn (semantics.md 13).
  ticket.slot = replies_.Open({.opened = io_.io.loop.now(),
                               .histogram = &io_.pool_stats[pool].request_duration[access],
                               .request_bytes = request_bytes,
                               .quiet = quiet});
  const LimitRules& rules = *snapshot.limits;
  // Most requests are no limit's concern, and their command alone tells so.
  const bool is_concerned = rules.MayConcern(listener_.index, routed.command) || rules.has_priorities();
  if (is_concerned && !PassesLimits(routed, ticket.slot, &ticket)) [[unlikely]]
    return;
  Send(routed, ticket);
}

bool ClientRequests::PassesLimits(RoutedRequest& routed, uint32_t slot, backends::Ticket* ticket) {
  const ClientIdentity client{client_.id, client_.ip,
                              client_.labels ? std::string_view(client_.labels->user) : std::string_view()};
  const LimitedRequest asked{listener_.index, routed.command, routed.spec, routed.request, routed.routing_key, client};
  routed.has_priority = io_.limiter.HasPriority(*(*io_.held)->limits, asked);
  const RateLimiter::Decision decision = io_.limiter.Admit(*io_.held, asked, ticket);
  switch (decision.verdict) {
    case RateLimiter::Verdict::kAdmitted: return true;
    case RateLimiter::Verdict::kRefused: Refuse(routed.spec, routed.request, slot, decision); break;
    case RateLimiter::Verdict::kWaits: parked_ = std::make_unique<ParkedRequest>(std::move(routed), slot); break;
  }
  return false;
}

void ClientRequests::Refuse(const wire::CommandSpec& spec, const wire::Request& request, uint32_t slot,
                            const RateLimiter::Decision& decision) {
  io_.Count(wire::ErrorCode::kRateLimited);
  wire::Failure failure{.code = wire::ErrorCode::kRateLimited};
  failure.limit = decision.limit->name;
  failure.retry_after = decision.retry_after;
  const bool as_miss = decision.limit->deny_as == conf::DenyAs::kMiss;
  std::string text;
  // Where the protocol has no words for a miss of this request, it is refused in those of an error.
  if (!as_miss || !AppendMiss(listener_.conf.protocol, spec, request, &text))
    AppendFailure(listener_.conf.protocol, failure, &text);
  Answer(slot, backends::Reply(text));
}

void ClientRequests::OnAdmitted(uint32_t slot, backends::Ticket use) {
  assert(parked_ && parked_->slot() == slot);
  const std::unique_ptr<ParkedRequest> parked = std::exchange(parked_, nullptr);
  RoutedRequest routed = parked->Take();
  Send(routed, use);
  // At the end of the turn it reads on.
  io_.Mark(mark_);
}

void ClientRequests::OnRefused(uint32_t slot, const RateLimiter::Decision& decision) {
  assert(parked_ && parked_->slot() == slot);
  const std::unique_ptr<ParkedRequest> parked = std::exchange(parked_, nullptr);
  Refuse(parked->spec(), parked->request(), slot, decision);
}

void ClientRequests::Send(RoutedRequest& routed, backends::Ticket ticket) {
  forecast_.OnRequest();
  io_.dispatcher.Dispatch(routed, {*io_.held, listener_.index, owner_.owner}, ticket);
}

void ClientRequests::OnReply(uint32_t slot, backends::Reply&& reply) {
  forecast_.OnReply(reply.size());
  Answer(slot, std::move(reply));
}

void ClientRequests::OnFailure(uint32_t slot, const wire::Failure& failure) {
  forecast_.OnFailure();
  // Not the sessions' scratch: a request may fail while its session still builds a reply there.
  std::string text;
  AppendFailure(listener_.conf.protocol, failure, &text);
  Answer(slot, backends::Reply(text));
}

void ClientRequests::Answer(uint32_t slot, backends::Reply&& reply) {
  // It was not idle while it waited.
  client_.last_active = io_.io.loop.now();
  replies_.Resolve(slot, std::move(reply), client_.last_active, output_);
  listener_.stats.replies.Add();
  io_.Mark(mark_);
}

bool ClientRequests::IsFull() const {
  // What was asked of the nodes counts before it comes, for then it cannot be refused any more.
  return parked_ != nullptr || replies_.size() >= listener_.conf.limits.requests_in_flight ||
         replies_.request_bytes() >= kRequestBytesInFlight || unread_own_bytes_ >= kUnreadOwnBytes ||
         own_bytes_of_turn_ >= kOwnBytesOfTurn || forecast_.is_full() ||
         output_.size() + replies_.aside_bytes() + forecast_.bytes() >
             std::min(listener_.conf.limits.output_bytes, io_.io.memory.most_held());
}

void ClientRequests::EndTurn() {
  // The output does not tell whose replies it holds: at most all that still waits can be the proxy's own.
  unread_own_bytes_ = std::min(unread_own_bytes_, output_.size() + replies_.aside_bytes());
  own_bytes_of_turn_ = 0;
}

bool ClientRequests::too_much_waits() const {
  return replies_.aside_bytes() / kMostAside > listener_.conf.limits.output_bytes;
}

}  // namespace ringproxy::proxy
