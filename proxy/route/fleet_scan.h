// proxy/route/fleet_scan.h – SCAN over all nodes of a listener's pools: each call asks the one whose turn it is.
//
// Threads: its worker's. Lifetime: the fan-out and the sink outlive it. Promise: as the dispatcher's.
#pragma once

#include <string>

#include "proxy/route/fanout.h"
#include "proxy/route/routed_request.h"

namespace ringproxy::proxy {

class FleetScan {
 public:
  FleetScan(Fanout& fanout, backends::ReplySink& sink) : fanout_(fanout), sink_(sink) {}

  // A node that is down fails the ticket, and the client may come again with the same cursor; where its pool says
  // scan.skip_down, the next one is asked instead.
  void Send(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket);

 private:
  // Whether that is a node to leave out; if so, it is counted.
  static bool Skips(const ScanOrder::ScanPlace& place, backends::Admission admission, const Origin& origin);
  void Ask(const RoutedRequest& routed, const Origin& origin, const ScanOrder::ScanPlace& place,
           backends::Ticket ticket);

  Fanout& fanout_;
  backends::ReplySink& sink_;
  // Scratch of one request, kept for its capacity.
  FanoutPlan plan_;
  std::string rewritten_;
};

}  // namespace ringproxy::proxy
