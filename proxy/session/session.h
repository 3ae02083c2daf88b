// proxy/session/session.h – One client's connection, from its first byte to its last.
//
// Purpose: reads what the client sends and lets its protocol's front take one request after the other; writes the
// replies, in one write a turn; ends when there is a reason to. Threads: its worker's. Ownership: the worker's session
// table; after Close the worker deletes it at the end of the turn, never while one of its calls is on the stack.
#pragma once

#include <memory>
#include <string_view>

#include "backends/net/input_buffer.h"
#include "proxy/local/client_facts.h"
#include "proxy/session/client_io.h"
#include "proxy/session/client_output.h"
#include "proxy/session/client_requests.h"
#include "proxy/session/protocol_front.h"
#include "proxy/session/session_mode.h"

namespace ringproxy::proxy {

class Session final : public net::StreamObserver {
 public:
  // `index` and `generation`: its place in the worker's table, for its tickets.
  Session(ClientIo& io, ListenerContext& listener, uint32_t index, uint32_t generation, ClientState client);
  ~Session();

  // Called once, before any event.
  void Start(std::unique_ptr<net::Stream> stream) { stream_ = std::move(stream); }

  // Where what is decided of its requests elsewhere goes.
  ClientRequests& requests() { return requests_; }

  // At the end of the turn, in this order: Resume reads on where a pause ends; Flush writes. `idle`: the loop has
  // nothing else to do. True: output is held for a turn, since more of its batch is under way.
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
  size_t request_bytes() const {
    return input_.held_bytes() + (client_.transaction ? client_.transaction->held_bytes() : 0);
  }
  size_t reply_bytes() const { return output_.size() + requests_.replies().held_bytes(); }
  bool closed() const { return mode_ == SessionMode::kClosed; }
  // It may still be told something: its last reply has not been given.
  bool listens() const { return TakesRequests(mode_) || (!closed() && !requests_.replies().empty()); }
  ClientState& client() { return client_; }
  ClientFacts Facts() const;

 private:
  void OnConnected(int) override {}
  void OnReadable() override;
  void OnWritable() override;

  // While a command waits at a node, or is held.
  void ReadAhead();
  void ProcessInput();
  // Does to the connection what the front says; true: the front may look at the next request.
  bool Obey(ProtocolFront::FrontStep step);
  void Move(SessionMode mode);
  // So many bytes were written; it may have closed.
  size_t WriteOutput();
  // To one that asks no more, or waits: it may have left, and what was popped for it goes back.
  size_t WriteLastOutput();

  ClientIo& io_;
  ListenerContext& listener_;
  std::unique_ptr<net::Stream> stream_;
  net::InputBuffer input_;
  ClientOutput output_;
  ClientState client_;
  TurnMark mark_{*this};
  ClientRequests requests_;
  std::unique_ptr<ProtocolFront> front_;
  SessionMode mode_ = SessionMode::kReading;
  bool client_has_ended_ = false;
};

}  // namespace ringproxy::proxy
