// proxy/observe/servers_desk.h – CONFIG GET, SLOWLOG GET, LATENCY LATEST: asks all nodes of a listener's pools, and
// makes one reply of theirs.
//
// Purpose: of one listener a single question is under way, and others wait for their turn: so no crowd of clients makes
// a node busy with long answers, and what is held of answers is that of one question.
// Threads: its worker's. Lifetime: all that it is given outlives it. Promise: each ticket is answered once. Bounds: of
// a node's reply kMostOfNode is read, and what all of them say takes no more memory than a request may; kMostWaiting
// questions wait, with kMostWaitingBytes.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/ticket.h"
#include "backends/worker_io.h"
#include "proxy/observe/told_merge.h"
#include "proxy/route/routed_request.h"

namespace ringproxy::proxy {

class ServersDesk final : public backends::ReplySink {
 public:
  static constexpr size_t kMostOfNode = 1 << 20;
  static constexpr size_t kMostWaiting = 1024;
  static constexpr size_t kMostWaitingBytes = 4 << 20;

  // Whether somebody still waits for the ticket.
  using IsAwaited = std::function<bool(backends::Ticket)>;

  ServersDesk(const backends::WorkerIo& io, backends::ReplySink& sink) : io_(io), sink_(sink) {}
  // Before the first question.
  void SetAwaited(IsAwaited is_awaited) { is_awaited_ = std::move(is_awaited); }

  void Ask(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket);

  // Of the nodes.
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;

 private:
  enum class AskedFor : uint8_t { kSettings, kSlowLog, kLatest };

  struct NodeWords {
    std::shared_ptr<backends::NodeRecord> node;
    std::string reply;
  };
  struct ServersQuestion {
    backends::Ticket ticket{};
    AskedFor what = AskedFor::kSettings;
    SettingsQuestion settings{};
    size_t most = 0;  // kSlowLog: entries.
    // How it is sent, once it is its turn.
    SnapshotUse held{};
    uint32_t lane = 0;
    std::string request{};
    backends::Claim claim{};
    wire::Asked asked = {};
    // From then on.
    std::vector<NodeWords> nodes{};
    size_t missing = 0;  // Nodes that have not answered.
    size_t reply_bytes = 0;
  };
  struct ListenerQuestions {
    std::deque<ServersQuestion> waiting{};
    size_t waiting_bytes = 0;
    ServersQuestion asked{};
    bool is_under_way = false;  // `asked`
    bool is_beginning = false;
  };

  ListenerQuestions& Of(uint32_t listener);
  // Whom to ask. Nobody: the ticket is failed, since one that has to be asked may not be.
  std::vector<NodeId> NodesFor(const ServersQuestion& question, uint32_t listener);
  // The next ones, until one is under way.
  void BeginNext(uint32_t listener);
  void Begin(uint32_t listener);
  void Finish(uint32_t listener, const wire::Failure* failure);
  void Answer(const ServersQuestion& question, const wire::Failure* failure);

  const backends::WorkerIo& io_;
  backends::ReplySink& sink_;
  std::deque<ListenerQuestions> listeners_;  // Which stay where they are while others come.
  IsAwaited is_awaited_;                     // None: somebody does.
};

}  // namespace ringproxy::proxy
