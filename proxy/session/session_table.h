// proxy/session/session_table.h – The clients of one worker, by the numbers that their tickets bear.
//
// Purpose: brings replies, and what the limits say, to the session that a ticket names, if it is still there; lets
// sessions act at the end of a turn; deletes those that have closed. Bounds what all of them hold together.
// Threads: its worker's. Lifetime: the clients' io outlives it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "backends/net/place_list.h"
#include "backends/ticket.h"
#include "proxy/guard/rate_limiter.h"
#include "proxy/local/moving_notice.h"
#include "proxy/session/client_io.h"
#include "proxy/session/session.h"

namespace ringproxy::proxy {

class SessionTable final : public backends::ReplySink, public RateLimiter::Observer, public MessageSink {
 public:
  SessionTable(ClientIo& io, ClientStats& stats) : io_(io), stats_(stats), selects_(*this) {}
  ~SessionTable();

  // `make_stream` is given the observer.
  using MakeStream = std::function<std::unique_ptr<net::Stream>(net::StreamObserver&)>;
  Session& Add(ListenerContext& listener, ClientState client, const MakeStream& make_stream);
  // From now on no session takes a request; each closes once it has its replies.
  void Drain();
  // Likewise, but those that are told of it, now or when that can be, are served until they leave.
  void DrainUntold(const MovingNotice& notice);
  size_t size() const { return places_.in_use(); }
  void ForEach(const std::function<void(Session&)>& visit);
  // Requires: Awaits, for a ticket of that owner.
  Session& At(uint32_t owner) { return *places_[owner].session; }
  // Whether what all clients say is told to those that monitor.
  void Follow(bool follows);

  // At the end of a turn, in this order. Resume: those that a full queue had stopped read on. Flush: each that has
  // anything to write does so, or holds it for the next turn; `idle`: nothing was sent to a node.
  void Resume();
  void Flush(bool idle);
  void DeleteClosed();
  // Some have something to do in the next turn: they hold their output, or have more to read.
  bool has_more() const { return !io_.turn.marked.empty(); }

  // Cuts those off that hold most, until so much is given up.
  void CutOffLargest(uint64_t excess_bytes);
  // About once a second.
  void Tick(net::TimePoint now);

  // Whether somebody waits for the ticket. Only a session's own is known to be nobody's.
  bool Awaits(backends::Ticket ticket) const;

  // For tickets of Kind::kSelect.
  backends::ReplySink& selects() { return selects_; }

  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;
  void OnAdmitted(backends::Ticket waiting, backends::Ticket use) override;
  void OnRefused(backends::Ticket waiting, const RateLimiter::Decision& decision) override;
  void OnMessage(uint32_t session, const ChannelMessage& message) override;
  void OnLines(uint32_t session, std::string_view lines) override;
  void OnGap(uint32_t session) override;

 private:
  class Selects final : public backends::ReplySink {
   public:
    explicit Selects(SessionTable& table) : table_(table) {}
    void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
    void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;

   private:
    SessionTable& table_;
  };
  struct SessionPlace {
    std::unique_ptr<Session> session;
    uint32_t generation = 0;
  };

  // nullptr, and counted, when the client has left.
  Session* Find(backends::Ticket ticket) {
    SessionPlace& place = places_[ticket.owner];
    replied_ = true;
    const bool is_there = place.generation == ticket.generation && place.session && !place.session->closed();
    if (is_there) [[likely]]
      return place.session.get();
    stats_.stale_replies.Add();
    return nullptr;
  }

  ClientIo& io_;
  ClientStats& stats_;
  Selects selects_;
  net::PlaceList<SessionPlace> places_;
  std::vector<Session*> turn_;  // io_.turn.marked of the turn that ends; swapped, since flushing marks anew.
  size_t held_ = 0;             // Sessions that hold their output since the last turn.
  bool replied_ = false;        // Some reply came in this turn.
  bool follows_ = false;
  MovingNotice notice_;           // From the drain on.
  std::vector<Session*> untold_;  // To be told it, and not yet; looked at in each turn.
};

}  // namespace ringproxy::proxy
