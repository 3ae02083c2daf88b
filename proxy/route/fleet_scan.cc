#include "proxy/route/fleet_scan.h"

#include "backends/wire/resp_encode.h"

namespace ringproxy::proxy {
namespace {

constexpr size_t kKeptScanRequest = 4 << 10;
constexpr std::string_view kScanIsOver = "*2\r\n$1\r\n0\r\n*0\r\n";

}  // namespace

void FleetScan::Send(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket) {
  const ScanOrder& order = origin.held->listeners[origin.listener].scan_order;
  if (!order.is_complete()) {
    std::string text;
    wire::AppendNotSupported(routed.spec.name, "a cursor cannot tell more than 65535 nodes apart", &text);
    return sink_.OnReply(ticket, backends::Reply(text));
  }
  const std::optional<uint64_t> cursor = ParseScanCursor(routed.request[1]);
  if (!cursor) return sink_.OnReply(ticket, backends::Reply("-ERR invalid cursor\r\n"));
  for (auto place = order.Find(*cursor); place; place = order.After(*place)) {
    backends::NodePool& pool = origin.held.node_pools[place->pool];
    const backends::Admission admission = pool.Admits(place->node, ClaimOf(routed));
    if (admission == backends::Admission::kGranted) return Ask(routed, origin, *place, ticket);
    if (!Skips(*place, admission, origin)) return pool.Refuse(place->node, admission, ticket);
  }
  sink_.OnReply(ticket, backends::Reply(kScanIsOver));
}

bool FleetScan::Skips(const ScanOrder::ScanPlace& place, backends::Admission admission, const Origin& origin) {
  if (admission != backends::Admission::kDown || !origin.held->config.pools[place.pool].scan.skip_down) return false;
  origin.held.node_pools[place.pool].Count(place.node, &backends::NodeStats::scans_skipped);
  return true;
}

void FleetScan::Ask(const RoutedRequest& routed, const Origin& origin, const ScanOrder::ScanPlace& place,
                    backends::Ticket ticket) {
  rewritten_.clear();
  wire::AppendArrayHeader(routed.request.size(), &rewritten_);
  wire::AppendBulk(routed.request.name(), &rewritten_);
  wire::AppendBulk(std::to_string(place.node_cursor), &rewritten_);
  for (size_t i = 2; i < routed.request.size(); ++i) wire::AppendBulk(routed.request[i], &rewritten_);
  plan_.Clear();
  plan_.merge = wire::Merge::kNextCursor;
  plan_.children = 1;
  plan_.scan = place.turn;
  ticket = Fanout::ChildTicket(fanout_.Open(ticket, &plan_), 0);
  origin.held.node_pools[place.pool].Send(place.node, origin.lane, std::string_view(rewritten_), ticket,
                                          AskedOf(routed));
  if (rewritten_.capacity() > kKeptScanRequest) std::string().swap(rewritten_);
}

}  // namespace ringproxy::proxy
