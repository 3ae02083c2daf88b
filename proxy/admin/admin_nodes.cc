// The admin port's page about the nodes' health, and an operator's orders about them.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <ctime>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "backends/line_limit.h"
#include "backends/net/connect_error.h"
#include "proxy/admin/admin_http.h"

namespace ringproxy::proxy {
namespace {

using nlohmann::json;

using backends::NodeOrder;

struct OrderRow {
  std::string_view word;
  NodeOrder order;
};

// Whoever reaches the port may give them again and again.
backends::LineLimit order_lines;

constexpr OrderRow kOrders[] = {
    {"drain", NodeOrder::kDrain},
    {"enable", NodeOrder::kEnable},
    {"disable", NodeOrder::kDisable},
};

constexpr std::string_view kNodesPath = "/api/v1/nodes/";

// RFC 3339, to the second.
std::string TimeText(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

// What a name resolved to and when; null for an address that is no name, or before the first answer.
json ResolvedJson(const net::ResolvedName* name, const net::Endpoint& endpoint) {
  if (name == nullptr) return nullptr;
  json addresses = json::array();
  for (const net::SocketAddress& address : name->addresses) addresses.push_back(net::HostText(address));
  json result = {{"addresses", addresses}, {"asked", TimeText(name->asked_at)}};
  // Addresses outlive a later lookup that fails, so they may be older than the question.
  if (!name->addresses.empty()) result["at"] = TimeText(name->found_at);
  if (name->error != 0) result["error"] = net::ConnectErrorText(endpoint, name->error);
  return result;
}

}  // namespace

json AdminHttp::NodeJson(uint32_t pool, uint32_t node) const {
  const conf::Pool& conf = snapshot_->config.pools[pool];
  const conf::Node& conf_node = conf.nodes[node];
  const backends::NodeRecord& record = *snapshot_->pools[pool].nodes[node];
  const backends::NodeView& view = record.view;
  const net::Endpoint endpoint = backends::SettingsOf(conf, conf_node).endpoint;
  return {{"name", conf_node.name},
          {"pool", conf.name},
          {"address", conf_node.address.ToString()},
          {"resolved", ResolvedJson(resolver_->Last(endpoint.host).get(), endpoint)},
          {"state", backends::NameOf(view.state)},
          {"reason", view.reason},
          {"detail", view.detail},
          {"since", TimeText(view.since)},
          {"connections", record.Sum(&backends::NodeStats::ready_connections)},
          {"in_flight", record.Sum(&backends::NodeStats::in_flight)},
          {"concurrency_limit", record.Sum(&backends::NodeStats::concurrency_limit)},
          {"requests", record.Sum(&backends::NodeStats::requests)},
          {"failures", record.Sum(&backends::NodeStats::failures)},
          {"overloads", record.Sum(&backends::NodeStats::overloads)},
          {"timeouts", record.Sum(&backends::NodeStats::timeouts)},
          {"late_replies", record.Sum(&backends::NodeStats::late_replies)}};
}

AdminReply AdminHttp::Nodes(const Query& query) const {
  json nodes = json::array();
  for (uint32_t p = 0; p < snapshot_->pools.size(); ++p) {
    const conf::Pool& pool = snapshot_->config.pools[p];
    if (query.contains("pool") && query.at("pool") != pool.name) continue;
    for (uint32_t n = 0; n < pool.nodes.size(); ++n) nodes.push_back(NodeJson(p, n));
  }
  return JsonReply(200, {{"nodes", nodes}});
}

std::vector<std::shared_ptr<backends::NodeRecord>> AdminHttp::FindNodes(const std::string& name,
                                                                        const Query& query) const {
  std::vector<std::shared_ptr<backends::NodeRecord>> found;
  for (uint32_t p = 0; p < snapshot_->pools.size(); ++p) {
    const conf::Pool& pool = snapshot_->config.pools[p];
    if (query.contains("pool") && query.at("pool") != pool.name) continue;
    // A machine may serve several pools under one name. Without ?pool= an order is about the machine.
    std::ranges::copy_if(snapshot_->pools[p].nodes, std::back_inserter(found),
                         [&](const auto& node) { return node->name() == name; });
  }
  return found;
}

// POST /api/v1/nodes/NAME/ORDER
AdminReply AdminHttp::Post(const std::string& path, const Query& query) {
  // The last slash counts: a node without a name of its own is called by its address, which may be a path.
  const size_t slash = path.rfind('/');
  const bool is_node = path.starts_with(kNodesPath) && slash >= kNodesPath.size();
  const std::string word = slash == std::string::npos ? path : path.substr(slash + 1);
  for (const OrderRow& row : kOrders) {
    if (!is_node || row.word != word) continue;
    const std::string name = path.substr(kNodesPath.size(), slash - kNodesPath.size());
    const auto nodes = FindNodes(name, query);
    if (nodes.empty()) return JsonError(404, "no node is called " + name);
    for (const auto& node : nodes) health_->Order(*node, row.order);
    const auto now = std::chrono::time_point_cast<net::Duration>(std::chrono::steady_clock::now());
    order_lines.Log(now, spdlog::level::info, "an operator's order: {} node {}", word, name);
    return JsonReply(200, {{"name", name}, {"order", word}, {"pools", nodes.size()}});
  }
  return JsonError(404, "POST to /api/v1/nodes/NAME/drain, enable or disable; ?pool=P if the name stands in several");
}

}  // namespace ringproxy::proxy
