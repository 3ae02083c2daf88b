#include "proxy/session/session_table.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

namespace ringproxy::proxy {
namespace {

// Whoever holds less is not to blame for a lack of memory.
constexpr uint64_t kWorthCuttingOff = 4 << 10;

// Messages that have come to so many bytes do not wait for the end of the turn: others may take as much each.
constexpr size_t kMessagesAtOnce = 64 << 10;

void Show(ClientIo& io, Session& session, std::string_view bytes) {
  if (!session.listens()) return;
  if (!io.io.memory.HasRoomForReply(0, bytes.size())) return session.CutOff("there is no memory for a message to it");
  session.requests().OnMessage(backends::Reply(bytes));
  if (session.reply_bytes() >= kMessagesAtOnce) session.Flush(true);
}

// False: it is to be looked at again.
bool TellOrDrain(ClientIo& io, const MovingNotice& notice, Session& session) {
  const MovingTold when = WhenTold(notice, session.Facts());
  if (when == MovingTold::kLater) return false;
  if (when == MovingTold::kNever) {
    session.Drain();
    return true;
  }
  session.client().refused.NoteMoves();
  Show(io, session, MovingPush(notice, session.client()));
  return true;
}

}  // namespace

SessionTable::~SessionTable() {
  for (SessionPlace& place : places_) {
    if (place.session) place.session->Close("the proxy ends");
  }
  DeleteClosed();
}

Session& SessionTable::Add(ListenerContext& listener, ClientState client, const MakeStream& make_stream) {
  const uint32_t index = places_.Acquire();
  SessionPlace& place = places_[index];
  client.refused.Follow(follows_);
  place.session = std::make_unique<Session>(io_, listener, index, place.generation, std::move(client));
  place.session->Start(make_stream(*place.session));
  stats_.open.Set(places_.in_use());
  return *place.session;
}

void SessionTable::Drain() {
  ForEach([](Session& session) { session.Drain(); });
}

void SessionTable::DrainUntold(const MovingNotice& notice) {
  notice_ = notice;
  ForEach([this](Session& session) {
    if (!TellOrDrain(io_, notice_, session)) untold_.push_back(&session);
  });
}

void SessionTable::Follow(bool follows) {
  follows_ = follows;
  for (SessionPlace& place : places_) {
    if (place.session) place.session->client().refused.Follow(follows);
  }
}

void SessionTable::ForEach(const std::function<void(Session&)>& visit) {
  for (const SessionPlace& place : places_) {
    if (place.session && !place.session->closed()) visit(*place.session);
  }
}

bool SessionTable::Awaits(backends::Ticket ticket) const {
  const bool is_clients =
      ticket.kind == backends::Ticket::Kind::kSession || ticket.kind == backends::Ticket::Kind::kSelect;
  if (!is_clients) return true;
  const SessionPlace& place = places_[ticket.owner];
  return place.generation == ticket.generation && place.session && !place.session->closed();
}

void SessionTable::OnReply(backends::Ticket ticket, backends::Reply&& reply) {
  if (Session* session = Find(ticket)) session->requests().OnReply(ticket.slot, std::move(reply));
}

void SessionTable::OnFailure(backends::Ticket ticket, const wire::Failure& failure) {
  if (Session* session = Find(ticket)) session->requests().OnFailure(ticket.slot, failure);
}

void SessionTable::Selects::OnReply(backends::Ticket ticket, backends::Reply&& reply) {
  if (Session* session = table_.Find(ticket)) session->requests().OnSelected(ticket.slot, std::move(reply));
}

void SessionTable::Selects::OnFailure(backends::Ticket ticket, const wire::Failure& failure) {
  table_.OnFailure(ticket, failure);
}

void SessionTable::OnAdmitted(backends::Ticket waiting, backends::Ticket use) {
  if (Session* session = Find(waiting)) return session->requests().OnAdmitted(waiting.slot, use);
  io_.limiter.Abandon(use);
}

void SessionTable::OnRefused(backends::Ticket waiting, const RateLimiter::Decision& decision) {
  if (Session* session = Find(waiting)) session->requests().OnRefused(waiting.slot, decision);
}

// Redis' messages come though CLIENT REPLY is OFF, and a monitor's lines do not.
void SessionTable::OnMessage(uint32_t index, const ChannelMessage& message) {
  Session& session = *places_[index].session;
  Show(io_, session, message.In(session.client().flavour.protocol));
}

void SessionTable::OnLines(uint32_t index, std::string_view lines) {
  Session& session = *places_[index].session;
  if (session.client().reply_mode != ReplyMode::kOff) Show(io_, session, lines);
}

void SessionTable::OnGap(uint32_t index) {
  places_[index].session->Close("a node that it is subscribed at was lost");
}

void SessionTable::Resume() {
  for (size_t i = 0; i < io_.turn.marked.size(); ++i) io_.turn.marked[i]->Resume();
}

void SessionTable::Flush(bool idle) {
  if (!untold_.empty()) [[unlikely]]
    std::erase_if(untold_, [this](Session* session) { return TellOrDrain(io_, notice_, *session); });
  turn_.swap(io_.turn.marked);
  // Nothing came in this turn, so nothing comes soon: what is held leaves now.
  const bool nothing_comes = idle && !std::exchange(replied_, false) && turn_.size() == held_;
  replied_ = false;
  held_ = 0;
  for (Session* session : turn_) held_ += session->Flush(nothing_comes) ? 1 : 0;
  turn_.clear();
}

void SessionTable::DeleteClosed() {
  for (const uint32_t index : io_.turn.retired) {
    SessionPlace& place = places_[index];
    std::erase(io_.turn.marked, place.session.get());
    std::erase(untold_, place.session.get());
    place.session.reset();
    ++place.generation;
    places_.Release(index);
    stats_.open.Set(places_.in_use());
  }
  io_.turn.retired.clear();
}

void SessionTable::CutOffLargest(uint64_t excess_bytes) {
  std::vector<std::pair<uint64_t, Session*>> holders;
  for (SessionPlace& place : places_) {
    if (!place.session || place.session->closed()) continue;
    const uint64_t held = place.session->request_bytes() + place.session->reply_bytes();
    if (held >= kWorthCuttingOff) holders.emplace_back(held, place.session.get());
  }
  std::ranges::sort(holders, std::ranges::greater(), &std::pair<uint64_t, Session*>::first);
  for (const auto& [held, session] : holders) {
    if (excess_bytes == 0) break;
    session->CutOff("the memory limit is passed and it holds most: " + std::to_string(held >> 10) + " KiB");
    excess_bytes -= std::min(excess_bytes, held);
  }
  DeleteClosed();
}

void SessionTable::Tick(net::TimePoint now) {
  for (SessionPlace& place : places_) {
    if (place.session && !place.session->closed()) place.session->Tick(now);
  }
}

}  // namespace ringproxy::proxy
