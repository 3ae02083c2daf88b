// proxy/session/session.h – One client's connection, from its first byte to its last.
//
// Purpose: frames requests, answers what needs no node, hands the rest to the dispatcher, and returns the replies in
// the order of the requests, in one write a turn. Threads: its worker's. Ownership: the worker's session table; after
// Close the worker deletes it at the end of the turn, never while one of its calls is on the stack. Promise: every
// request gets exactly one reply, in order, or the connection closes (traps 11 to 13).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "backends/net/input_buffer.h"
#include "backends/net/send_queue.h"
#include "backends/wire/resp_request.h"
#include "proxy/session/client_io.h"
#include "proxy/session/local_commands.h"
#include "proxy/session/reply_queue.h"

namespace ringproxy::proxy {

class Session final : public net::StreamObserver {
 public:
  // `index` and `generation`: its place in the worker's table, for its tickets.
  Session(ClientIo& io, ListenerContext& listener, uint32_t index, uint32_t generation, ClientState client);
  ~Session();

  // Called once, before any event.
  void Start(std::unique_ptr<net::Stream> stream) { stream_ = std::move(stream); }

  void OnReply(uint32_t slot, std::string_view reply);
  void OnLargeReply(uint32_t slot, net::Block reply);

  // At the end of the turn, in this order: Resume reads on where a full queue had stopped it; Flush writes. `idle`: the
  // loop has nothing else to do. True: output is held for a turn, since more of its batch is under way.
  void Resume();
  bool Flush(bool idle);

  // Takes no more requests; closes when the replies under way are delivered.
  void Drain();
  void Close(std::string_view why);
  // About once a second: gives idle memory back, enforces the idle timeout.
  void Tick(net::TimePoint now);

  uint32_t generation() const { return generation_; }
  bool closed() const { return state_ == State::kClosed; }
  const ClientState& client() const { return client_; }

 private:
  // kOpen → kFinishing (no more requests: EOF, QUIT, protocol error, drain) → kClosed
  enum class State : uint8_t { kOpen, kFinishing, kClosed };

  void OnConnected(int) override {}
  void OnReadable() override;
  void OnWritable() override;

  void ProcessInput();
  // Frames one request and handles it; false when there is none (more).
  bool ProcessOne();
  void HandleRequest(const wire::Request& request, size_t size, bool in_own_block);
  // Answered without a node: unknown, malformed, refused or local commands. False: the request goes on.
  bool AnswerHere(const wire::CommandSpec* spec, const wire::Request& request, uint32_t slot);
  void Count(wire::ErrorCode code) { io_.errors[static_cast<size_t>(code)].Add(); }
  void Answer(uint32_t slot, std::string_view reply);
  void RefuseProtocol(std::string_view error);
  // The first command of a browser or of a cross-protocol attack, closed without a word as Redis does.
  bool LooksLikeHttp(const wire::Request& request);
  void FinishAfterReplies();
  bool QueueFull() const;
  void MarkForTurn();

  ClientIo& io_;
  ListenerContext& listener_;
  std::unique_ptr<net::Stream> stream_;
  net::InputBuffer input_;
  net::SendQueue output_;
  ReplyQueue replies_;
  std::unique_ptr<wire::RequestParser> parser_;  // Only while a request is half read.
  ClientState client_;
  uint32_t index_;
  uint32_t generation_;
  State state_ = State::kOpen;
  uint8_t held_turns_ = 0;
  bool marked_ = false;       // Stands in the worker's list for the end of this turn.
  bool paused_ = false;       // The queue is full: nothing more is read.
  bool write_armed_ = false;  // The socket is full; OnWritable will go on.
};

}  // namespace ringproxy::proxy
