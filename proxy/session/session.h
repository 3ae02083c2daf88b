// proxy/session/session.h – One client's connection, from its first byte to its last.
//
// Purpose: reads requests, hands them on, and returns the replies in the order of the requests, in one write a turn.
// What a request is, which ones need no node, and the words of a failure are the protocol's: redis_session,
// memcache_session. Threads: its worker's. Ownership: the worker's session table; after Close the worker deletes it at
// the end of the turn, never while one of its calls is on the stack. Promise: every request gets exactly one reply, in
// order, or the connection closes (semantics.md 11 to 13).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "backends/net/input_buffer.h"
#include "backends/net/send_queue.h"
#include "proxy/local/local_commands.h"
#include "proxy/session/client_io.h"
#include "proxy/session/parked_request.h"
#include "proxy/session/reply_forecast.h"
#include "proxy/session/reply_queue.h"

namespace ringproxy::proxy {

class Session : public net::StreamObserver {
 public:
  // `index` and `generation`: its place in the worker's table, for its tickets.
  Session(ClientIo& io, ListenerContext& listener, uint32_t index, uint32_t generation, ClientState client);
  virtual ~Session();

  // Called once, before any event.
  void Start(std::unique_ptr<net::Stream> stream) { stream_ = std::move(stream); }

  void OnReply(uint32_t slot, backends::Reply&& reply);
  void OnFailure(uint32_t slot, const wire::Failure& failure);
  // What the limits say of the request that waits; `use` is its ticket from now on.
  void OnAdmitted(uint32_t slot, backends::Ticket use);
  void OnRefused(uint32_t slot, const RateLimiter::Decision& decision);

  // At the end of the turn, in this order: Resume reads on where a full queue had stopped it; Flush writes. `idle`: the
  // loop has nothing else to do. True: output is held for a turn, since more of its batch is under way.
  void Resume();
  bool Flush(bool idle);

  // Takes no more requests; closes when the replies under way are delivered.
  void Drain();
  void Close(std::string_view why);
  // As Close; it has taken so much memory that it has to go, and whoever operates the proxy is told.
  void CutOff(std::string_view why);
  // About once a second: gives idle memory back, enforces the idle timeout.
  void Tick(net::TimePoint now);

  // Of requests that are half read or not yet taken, and of replies that are not yet written.
  size_t request_bytes() const { return input_.held_bytes(); }
  size_t reply_bytes() const { return output_.size() + replies_.aside_bytes(); }

  uint32_t generation() const { return generation_; }
  bool closed() const { return state_ == SessionState::kClosed; }
  const ClientState& client() const { return client_; }

 protected:
  // Frames one request of input() and handles it; false when there is none (more).
  virtual bool ProcessOne() = 0;
  // The least size of the request that is half read, 0 if none is.
  virtual size_t bytes_needed() const = 0;
  // The session closes: memory for half a request goes back.
  virtual void ForgetHalfRead() {}
  // There is no memory for the rest of the request that is half read: it is refused, and not read any further.
  virtual void RefuseHalfRead() = 0;
  virtual void AppendFailure(const wire::Failure& failure, std::string* out) const = 0;
  // What a client reads whose request a limit has refused; `as_miss`: as if there were no such item, where that can be
  // said.
  virtual void AppendRefusal(const wire::CommandSpec& spec, const wire::Request& request, const wire::Failure& failure,
                             bool as_miss, std::string* out) const;

  void Count(wire::ErrorCode code) { io_.errors[static_cast<size_t>(code)].Add(); }
  // A request was refused for what it is; `command`: the row of its protocol's table.
  void CountRefusal(size_t command, wire::ErrorCode code) {
    Count(code);
    listener_.stats.refusals.Add(command, code);
  }
  // For a reply of the proxy's own.
  uint32_t OpenSlot(size_t request_bytes, wire::Quiet quiet = wire::Quiet::kNone) {
    return replies_.Open({.opened = io_.io.loop.now(), .request_bytes = request_bytes, .quiet = quiet});
  }
  // A reply of the proxy's own; where there is no memory for it, the words that say so.
  void GiveOwnReply(uint32_t slot, std::string_view reply);
  // To the nodes, if the limits allow it; the reply resolves a slot. Takes the block, if there is one.
  void Dispatch(RoutedRequest& routed, size_t request_bytes, wire::Quiet quiet);
  void FinishAfterReplies();

  ClientIo& io() { return io_; }
  ListenerContext& listener() { return listener_; }
  net::InputBuffer& input() { return input_; }
  ClientState& mutable_client() { return client_; }

 private:
  // kOpen → kFinishing (no more requests: EOF, QUIT, protocol error, drain) → kClosed
  enum class SessionState : uint8_t { kOpen, kFinishing, kClosed };

  void OnConnected(int) override {}
  void OnReadable() override;
  void OnWritable() override;

  void Answer(uint32_t slot, backends::Reply&& reply);
  void ProcessInput();
  void Send(RoutedRequest& routed, backends::Ticket ticket);
  // True: it goes on now, with a ticket that may be another one.
  bool PassesLimits(RoutedRequest& routed, uint32_t slot, backends::Ticket* ticket);
  void Refuse(const wire::CommandSpec& spec, const wire::Request& request, uint32_t slot,
              const RateLimiter::Decision& decision);
  // Writes what may leave in this turn; true: it is held for the next one.
  bool FlushOutput(bool idle);
  void CloseIfItDoesNotRead();
  void CloseIfTooMuchWaits();
  // No further request is taken for now.
  bool QueueFull() const;
  void MarkForTurn();

  ClientIo& io_;
  ListenerContext& listener_;
  std::unique_ptr<net::Stream> stream_;
  net::InputBuffer input_;
  net::SendQueue output_;
  ReplyQueue replies_;
  ClientState client_;
  std::unique_ptr<ParkedRequest> parked_;  // It waits for its limits, and all that came after it stays unread.
  // Requests that nodes have not answered, and how large their answers may be.
  size_t under_way_ = 0;
  ReplyForecast forecast_;
  // At most so much of the waiting output are replies of the proxy's own.
  size_t unread_local_bytes_ = 0;
  size_t local_bytes_of_turn_ = 0;
  uint32_t index_;
  uint32_t generation_;
  SessionState state_ = SessionState::kOpen;
  uint8_t held_turns_ = 0;
  bool marked_ = false;       // Stands in the worker's list for the end of this turn.
  bool paused_ = false;       // The queue is full: nothing more is read.
  bool write_armed_ = false;  // The socket is full; OnWritable will go on.
};

// Of the kind that speaks the listener's protocol.
std::unique_ptr<Session> NewSession(ClientIo& io, ListenerContext& listener, uint32_t index, uint32_t generation,
                                    ClientState client);

}  // namespace ringproxy::proxy
