// proxy/route/whole_fleet.h – Requests that go to every node of a listener's pools, or to any.
//
// Threads: its worker's. Lifetime: the fan-out outlives it. Promise: as the dispatcher's.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "proxy/route/fanout.h"
#include "proxy/route/library_loads.h"
#include "proxy/route/routed_request.h"
#include "proxy/route/router.h"

namespace ringproxy::proxy {

class WholeFleet {
 public:
  WholeFleet(Fanout& fanout, backends::ReplySink& sink) : fanout_(fanout), libraries_(sink) {}

  // What hears of tickets of the kind kLibrary.
  LibraryLoads& libraries() { return libraries_; }

  // Where there is but one.
  static std::optional<NodeId> OnlyNode(const Origin& origin);
  // Of the default pool, one that may be asked.
  static Destination AnyNode(const RoutedRequest& routed, const Origin& origin);
  // In place of a reply of several nodes.
  static void AnswerNotSupported(const RoutedRequest& routed, std::string_view why, backends::ReplySink& sink,
                                 backends::Ticket ticket);
  // To all; the part of one that may not be asked fails. The replies are merged by the command's rule.
  void Send(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket);
  // To all, over their control links. Not even one that seems to be down is left out: see backends::ControlLink. What
  // is said there a node answers at once, so its part waits no longer than for a plain command.
  void SendControl(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket);
  // To the only node, over its control link, if it answers this to everybody while a script runs, and the client would
  // stand behind the script. False: not sent. That link speaks RESP2: who speaks RESP3 waits.
  bool SendPastScript(const RoutedRequest& routed, const Origin& origin, NodeId only, backends::Ticket ticket);
  // To all that may be asked; each has to say +OK. Where none may, the ticket is failed.
  void Ask(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket);

 private:
  // A fan-out to so many nodes.
  uint32_t Open(wire::Merge merge, size_t nodes, const Origin& origin, backends::Ticket ticket);

  Fanout& fanout_;
  LibraryLoads libraries_;
  // Scratch of one request, kept for its capacity.
  FanoutPlan plan_;
  std::vector<NodeId> nodes_;
};

}  // namespace ringproxy::proxy
