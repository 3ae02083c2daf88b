// backends/link/link_group.h – A worker's links of one flavour to one node, and which of them serves whom.
//
// Purpose: requests of one lane reach the node in the order sent as long as they take one group: see LaneTable. The
// plain group is opened at start and kept; the others are opened when they are needed, see FlavourTable.
// While the node says that a client's script keeps it busy, who would stand behind that script on its connection reads
// the node's words instead (semantics.md 41): but for a lane that waits for a reply there, which keeps its
// order. Threads: its worker's. Lifetime: all that it is given outlives it.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "backends/lane.h"
#include "backends/link/lane_marks.h"
#include "backends/link/lane_table.h"
#include "backends/link/node_connection.h"

namespace ringproxy::backends {

class LinkGroup {
 public:
  LinkGroup(const NodeLink::LinkParts& parts, NodeGuard& guard, ReplySink& sink, uint32_t count, Flavour flavour = {});

  // `lane`: the number of one. `asked`: what it makes the node do, and what comes back.
  template <typename Request>
  void Send(uint32_t lane, Request&& request, Ticket ticket, wire::Asked asked) {
    if (is_single_ && asked.work != wire::Work::kScript) [[likely]]
      return connections_.front()->Send(std::forward<Request>(request), ticket, asked);
    Take(lane, ticket, asked,
         [&](NodeConnection& connection) { connection.Send(std::forward<Request>(request), ticket, asked); });
  }
  // See NodeConnection.
  void SendBatch(uint32_t lane, net::Block requests, uint32_t count, Ticket ticket, wire::Asked asked) {
    Take(lane, ticket, asked,
         [&](NodeConnection& connection) { connection.Send(std::move(requests), ticket, asked, count); });
  }

  // Those that were never opened.
  void Connect();
  // See NodeConnection, of each.
  void Drain();
  void Reopen();
  void Hurry();
  // Opens it for this flavour. Requires: is_closed().
  void Open(Flavour flavour);
  // Once a second: forgets what is kept only while scripts are under way.
  void Tick();

  bool AnyAccepts() const {
    for (const auto& connection : connections_) {
      if (connection->accepts()) return true;
    }
    return false;
  }
  // One that is ready, or nullptr.
  NodeConnection* AnyReady() const;
  // None is open or wants to be.
  bool is_closed() const;
  // The lane's next request would stand behind a script, and read that the node is busy.
  bool IsBusyFor(uint32_t lane) { return IsBusyFor(lane, lanes_.Find(connections_, lane).connection); }
  // Requests that wait for their replies, or to be sent.
  size_t in_flight() const;
  LaneTable::Connections connections() const { return connections_; }
  LaneTable& lanes() { return lanes_; }

 private:
  // Calls `send` with the connection that the lane takes now.
  template <typename Send>
  void Take(uint32_t lane, Ticket ticket, wire::Asked asked, Send&& send) {
    LaneTable::LanePlace& place = lanes_.Find(connections_, lane);
    const uint32_t taken = place.connection;
    NodeConnection& connection = *connections_[taken];
    if ((marks_ || asked.work == wire::Work::kScript) && !MayStandThere(lane, taken, ticket)) [[unlikely]]
      return;
    send(connection);
    if (marks_) marks_->Note(connections_, taken, lane, asked.work == wire::Work::kScript);
    // A failure that was told meanwhile may have made the lane send again, and elsewhere.
    if (place.connection == taken) place.last = connection.pipeline().sent();
  }

  bool IsBusyFor(uint32_t lane, uint32_t taken) const;
  // False: the node is busy with a script in front of the connection, and the ticket has been failed in its words.
  bool MayStandThere(uint32_t lane, uint32_t taken, Ticket ticket);

  const NodeSettings& settings_;
  NodeStats& stats_;
  NodeGuard& guard_;
  ReplySink& sink_;
  std::vector<std::unique_ptr<NodeConnection>> connections_;
  LaneTable lanes_;
  std::unique_ptr<LaneMarks> marks_;  // While scripts are under way.
  bool is_single_;                    // There is one connection, and no marks: nothing is to be known of lanes.
};

}  // namespace ringproxy::backends
