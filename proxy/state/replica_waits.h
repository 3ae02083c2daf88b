// proxy/state/replica_waits.h – WAIT and WAITAOF: how many replicas, or disks, have what a client has written.
//
// Purpose: a server counts for what has come over the connection that asks, so a wait over another link than the writes
// took would be told at once that there is nothing to wait for. Therefore something is published first, over the link
// of the client's own that will ask: that stands in what replicas get, behind all that the client has been answered.
// Shard channels are used for it, which no pattern matches; and where a server does not know these, a channel. Which
// nodes have the client's writes is not remembered: all that its listener reaches are asked, and the least number
// counts. That is never too many. An error of one node is the answer.
// The nodes keep the time; what ends early is ended by CLIENT UNBLOCK, as Waits does.
// Threads: its worker's. Lifetime: what it is given outlives it. Bounds: pinned_per_client, pinned_per_node. Promise:
// one OnReply or OnFailure to the sink for each Start, unless the client leaves.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "backends/net/place_list.h"
#include "backends/ticket.h"
#include "backends/worker_io.h"
#include "proxy/route/routed_request.h"
#include "proxy/state/spread_wait.h"

namespace ringproxy::proxy {

class ReplicaWaits final : public backends::ReplySink {
 public:
  ReplicaWaits(backends::ReplySink& sink, backends::WorkerIo& io) : sink_(sink), blocks_(io.blocks) {}
  ~ReplicaWaits();

  // Requires: nothing of the client, which is its lane, is under way. `links`: those that it has for itself.
  void Start(const RoutedRequest& routed, const Origin& origin, uint32_t links, backends::Ticket ticket);
  // As Waits.
  void Cut(uint32_t client, WaitEnd as);
  bool IsWaiting(uint32_t client) const { return by_client_.contains(client); }
  bool IsEnding(uint32_t client) const;
  void Leave(uint32_t client);

  // Of the nodes, for tickets of Kind::kReplicaWait.
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;

 private:
  // What is asked with the ticket of a wait, by its slot: of each node, all of these.
  enum ReplicaQuestion : uint32_t { kNumber, kMark, kOldMark, kCommand, kUnblock, kQuestions };
  using WaiterState = SpreadWaiter::WaiterState;
  struct ReplicaWait {
    backends::Ticket ticket{};
    uint32_t client = 0;
    uint32_t generation = 0;  // Of the place.
    std::string request{};
    uint32_t patience = 0;              // In seconds, see PinnedLease::Wait.
    std::vector<SpreadWaiter> nodes{};  // kArmed: the command is there.
    size_t open = 0;                    // Nodes that have not answered yet, and who still begins it.
    bool is_cut = false;
    std::vector<int64_t> least{};  // So far, of each number that the reply has.
    bool is_array = false;
    SpreadError error{};
  };

  // Every node that may be asked, or as many as are needed to hear what is wrong with the request.
  static std::vector<NodeId> NodesFor(const RoutedRequest& routed, const Origin& origin);
  // A link to each. No: the ticket has been failed.
  static bool LeaseAll(const std::vector<NodeId>& nodes, const Origin& origin, backends::Ticket ticket,
                       std::vector<SpreadWaiter>* links);
  backends::Ticket TicketOf(uint32_t place, ReplicaQuestion question, size_t node) const;
  void SendCommand(uint32_t place, size_t node);
  void Unblock(uint32_t place, size_t node);
  void UnblockAll(uint32_t place);
  void OnNumbers(uint32_t place, size_t node, backends::Reply&& reply);
  // It has answered, or will not. `is_clean`: its link may serve others.
  void EndNode(uint32_t place, size_t node, bool is_clean);
  void Settle(uint32_t place);
  void Release(uint32_t place);

  backends::ReplySink& sink_;
  net::BlockPool& blocks_;
  net::PlaceList<ReplicaWait, std::deque<ReplicaWait>> waits_;  // References stay valid.
  std::unordered_map<uint32_t, uint32_t> by_client_;
};

}  // namespace ringproxy::proxy
