// proxy/session/client_desk.h – What a worker's clients ask about those of all workers: CLIENT LIST, KILL, UNBLOCK …
//
// Purpose: one question at a time is put to every worker, this one among them, and the reply is made of their answers.
// Others wait in order, lists in a row of their own and in turn with it: however many want a list, which takes its time
// where clients are many, an UNBLOCK waits for one of them. A question that is not answered within kPatience tells that
// a worker is stuck; he who has asked it reads an error, as do all that wait, and what was wanted may still be done.
// Threads: its worker's; questions and answers travel by mailbox. Lifetime: what it is given outlives it. Bounds:
// kMostWaiting in either row. Promise: one OnReply or OnFailure to the sink for each Ask, unless the client has left.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "backends/net/earliest_timer.h"
#include "backends/ticket.h"
#include "backends/worker_io.h"
#include "proxy/local/client_question.h"
#include "proxy/route/routed_request.h"

namespace ringproxy::proxy {

struct ClientIo;
struct ListenerContext;
class SessionTable;

using SharedQuestion = std::shared_ptr<const ClientQuestion>;

// The way to the other workers; without it this one is alone.
struct ClientPosts {
  // Has every worker answer, this one too: OnAnswer is called on the asker's loop for each, with `number`.
  std::function<void(SharedQuestion question, uint64_t number)> ask = {};
  uint32_t workers = 1;
};

class ClientDesk {
 public:
  static constexpr size_t kMostWaiting = 1024;
  static constexpr net::Duration kPatience = std::chrono::seconds(1);

  ClientDesk(ClientIo& io, SessionTable& sessions, std::vector<ListenerContext>& listeners, backends::ReplySink& sink,
             ClientPosts posts);

  // `ticket`: of the client, of which nothing else is under way.
  void Ask(const RoutedRequest& routed, const ClientState& asker, uint32_t listener, backends::Ticket ticket);

  // The reply to CLIENT INFO of a client of this worker. `command_bytes`: of what it has asked.
  void AppendInfo(uint32_t owner, uint8_t protocol, size_t command_bytes, std::string* out) const;
  // Of the clients of this worker alone.
  ClientAnswer Answer(const ClientQuestion& question);
  // Of some worker, to this one's question of that number.
  void OnAnswer(uint64_t number, ClientAnswer&& answer);

 private:
  struct AskingClient {
    backends::Ticket ticket;
    uint8_t protocol;
    SharedQuestion question;
  };
  using WaitingClients = std::deque<AskingClient>;

  void BeginNext();
  // Whose turn it is. Requires: some client waits.
  AskingClient TakeNext();
  void Finish();
  void OnTime();
  void FailAll(const WaitingClients& waiting);
  void Pause(const ClientQuestion& question);
  void EndPause(ListenerContext& listener);
  void EndPauses();

  ClientIo& io_;
  SessionTable& sessions_;
  std::vector<ListenerContext>& listeners_;
  backends::ReplySink& sink_;
  ClientPosts posts_;
  WaitingClients lists_;
  WaitingClients deeds_;  // KILL, UNBLOCK, PAUSE, UNPAUSE
  AskingClient asked_{};  // Whose question is under way, if any is.
  net::TimePoint until_{};
  uint64_t number_ = 0;   // Of that question.
  uint32_t missing_ = 0;  // Workers that have not answered it; 0: none is under way.
  ClientAnswer answer_;
  net::EarliestTimer patience_;
  net::EarliestTimer pauses_;
};

}  // namespace ringproxy::proxy
