#include "proxy/state/listings.h"

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/route/router.h"

namespace ringproxy::proxy {
namespace {

std::vector<Listing::ListedNode> NodesOf(const Origin& origin) {
  const std::vector<uint32_t>& pools = origin.held->listeners[origin.listener].pools;
  std::vector<Listing::ListedNode> nodes;
  for (const uint32_t index : pools) {
    const conf::Pool& pool = origin.held->config.pools[index];
    for (size_t i = 0; i < pool.nodes.size(); ++i) {
      const std::string& name = pool.nodes[i].name;
      nodes.push_back({.settings = backends::SettingsOf(pool, pool.nodes[i]),
                       .name = pools.size() > 1 ? pool.name + "/" + name : name,
                       .tag = origin.held->pools[index].cas_tags[i]});
    }
  }
  if (nodes.size() == 1) nodes.front().name.clear();
  return nodes;
}

}  // namespace

Listing* Listings::Find(uint32_t session) {
  for (const std::unique_ptr<Listing>& listing : listings_) {
    if (listing->session() == session && !listing->is_over()) return listing.get();
  }
  return nullptr;
}

void Listings::Start(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket) {
  const auto under_way = std::ranges::count_if(listings_, [](const auto& listing) { return !listing->is_over(); });
  if (static_cast<size_t>(under_way) >= kMost) {
    constexpr std::string_view kBusy = "BUSY too many lists are under way\r\n";
    return sink_.OnReply(ticket, backends::Reply(kBusy));
  }
  for (const uint32_t pool : origin.held->listeners[origin.listener].pools) {
    backends::NodePool& nodes = origin.held.node_pools[pool];
    for (ring::NodeIndex node = 0; node < nodes.node_count(); ++node) {
      if (!nodes.BesideRequests(node).there_since) return nodes.Refuse(node, backends::Admission::kDown, ticket);
    }
  }
  std::string line;
  for (size_t i = 0; i < routed.request.size(); ++i) line.append(i > 0 ? " " : "").append(routed.request[i]);
  line.append("\r\n");
  listings_.push_back(std::make_unique<Listing>(io_, sink_, *reader_,
                                                Listing::ListingRequest{.session = origin.lane.number,
                                                                        .ticket = ticket,
                                                                        .line = std::move(line),
                                                                        .command = routed.spec.name,
                                                                        .nodes = NodesOf(origin)}));
  listings_.back()->Start();
}

void Listings::OnRoom(uint32_t session, size_t waiting) {
  if (Listing* const listing = Find(session)) listing->OnRoom(waiting);
}

void Listings::End(uint32_t session) {
  if (Listing* const listing = Find(session)) listing->End();
}

void Listings::Tick() {
  for (const std::unique_ptr<Listing>& listing : listings_) listing->Tick();
  std::erase_if(listings_, [](const auto& listing) { return listing->is_over(); });
}

}  // namespace ringproxy::proxy
