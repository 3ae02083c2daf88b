#include "tools/ringskew/live.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "conf/address.h"
#include "conf/options.h"
#include "conf/values.h"
#include "tools/ringskew/advice.h"
#include "tools/ringskew/node_stream.h"
#include "tools/ringskew/numbers.h"
#include "tools/ringskew/topology.h"

namespace ringproxy::ringskew {
namespace {

using nlohmann::json;

// 10,000 nodes take some 3 MiB.
constexpr size_t kLongestPage = size_t{64} << 20;

// One page of the admin port, parsed.
conf::Result<json, std::string> Fetch(const LiveSource& source, const std::string& path) {
  const std::string where = source.url + path + ": ";
  constexpr std::string_view kScheme = "http://";
  std::string_view address = source.url;
  if (!address.starts_with(kScheme)) return where + "not an address like http://127.0.0.1:9180";
  address.remove_prefix(kScheme.size());
  while (address.ends_with('/')) address.remove_suffix(1);
  conf::Address at;
  if (const auto problem = conf::ReadValue(address, conf::TcpAddress(1), at)) return where + problem->text;
  NodeStream stream;
  if (const auto problem = stream.Connect(at)) return where + *problem;
  // In HTTP/1.0 a reply ends with its connection, so no length and no chunk has to be understood.
  std::string request = "GET " + path + " HTTP/1.0\r\nHost: " + std::string(address) + "\r\n";
  if (!source.token.empty()) request += "Authorization: Bearer " + source.token + "\r\n";
  if (const auto problem = stream.Send(request + "\r\n")) return where + *problem;
  // The server closes behind its reply.
  while (!stream.ReadMore()) {
    if (stream.buffer().size() > kLongestPage) return where + "longer than any page of ringproxy";
  }
  const std::string_view reply = stream.buffer();
  const size_t body = reply.find("\r\n\r\n");
  if (body == std::string_view::npos) return where + "no reply";
  json parsed = json::parse(reply.substr(body + 4), nullptr, false);
  if (parsed.is_discarded()) return where + "not JSON";
  // The port's errors are JSON as well and say more than the status does.
  if (parsed.contains("error")) return where + parsed["error"].get<std::string>();
  return parsed;
}

// The pool of that name in a page's list; nullptr if there is none, or no name and several pools.
const json* FindPool(const json& page, const std::string& name) {
  const json& pools = page.at("pools");
  if (name.empty()) return pools.size() == 1 ? &pools.front() : nullptr;
  const auto found = std::ranges::find_if(pools, [&](const json& pool) { return pool.at("name") == name; });
  return found == pools.end() ? nullptr : &*found;
}

conf::Pool PoolOf(const json& page) {
  conf::Pool pool;
  pool.name = page.at("name");
  for (const json& from : page.at("nodes")) {
    conf::Node& node = pool.nodes.emplace_back();
    node.name = from.at("name");
    node.weight = from.at("weight");
    node.slots = from.value("slots", "");
    // Ketama's points are made from it. An older proxy does not say it.
    if (auto address = conf::ParseAddress(from.value("address", ""))) node.address = std::move(address).value();
  }
  const json& ring = page.at("ring");
  pool.ring.virtual_nodes = ring.at("virtual_nodes");
  pool.ring.hash_tag = ring.at("hash_tag");
  pool.ring.table_size = ring.value("table_size", pool.ring.table_size);
  // Names of a newer proxy that this program does not know leave the defaults: only the advice rests on them.
  conf::ReadValue(ring.at("algorithm").get<std::string>(), conf::Choice(), pool.ring.algorithm);
  conf::ReadValue(ring.at("hash").get<std::string>(), conf::Choice(), pool.ring.hash);
  for (const json& from : page.value("groups", json::array())) {
    conf::KeyGroup group{.pattern = from.value("pattern", ""), .tag = from.value("tag", "")};
    conf::ReadValue(from.value("set", "none"), conf::Choice(), group.set);
    if (!conf::WhyNoGroup(group)) pool.groups.push_back(std::move(group));
  }
  return pool;
}

void AddLoads(const json& window, const json& nodes, Report& report) {
  std::vector<double> requests;
  std::vector<double> weights;
  std::vector<double> ring_shares;
  for (size_t i = 0; i < window.at("nodes").size(); ++i) {
    const json& from = window.at("nodes")[i];
    NodeRow& row = report.nodes.emplace_back();
    row.name = from.at("name");
    row.weight = from.at("weight");
    row.requests = from.at("requests");
    row.bytes = from.at("bytes");
    row.share = from.at("share");
    row.fair_share = from.at("fair_share");
    row.ratio = from.at("ratio");
    row.ring_share = nodes.at(i).at("share");

    requests.push_back(row.requests);
    weights.push_back(row.weight);
    ring_shares.push_back(row.ring_share);
  }
  report.requests = window.at("requests");
  report.bytes = window.at("bytes");
  report.has_bytes = true;
  report.requests_spread = ring::MeasureSpread(requests, weights);
  report.ring_spread = ring::MeasureSpread(ring_shares, weights);
}

std::vector<HotLoad> AddHotKeys(const json& keys, Report& report) {
  std::vector<HotLoad> hot;
  std::vector<double> rest;
  std::vector<double> weights;
  for (const NodeRow& row : report.nodes) {
    rest.push_back(row.share);
    weights.push_back(row.weight);
  }
  for (const json& key : keys) {
    const double share = key.at("share");
    if (share < kHotShare) continue;
    report.hot_keys.push_back({key.at("key"), key.at("node"), share, CopiesNeeded(share, report.nodes.size())});
    hot.push_back({key.at("key"), share * report.requests});
    for (size_t i = 0; i < report.nodes.size(); ++i) {
      if (report.nodes[i].name == report.hot_keys.back().node) rest[i] = std::max(rest[i] - share, 0.0);
    }
  }
  report.without_hot_spread = ring::MeasureSpread(rest, weights);
  return hot;
}

}  // namespace

namespace {

conf::Result<Report, std::string> ReportOf(const LiveSource& source, double target) {
  auto pools = Fetch(source, "/api/v1/pools");
  if (!pools) return pools.errors();
  auto skew = Fetch(source, "/api/v1/skew");
  if (!skew) return skew.errors();
  auto hot = Fetch(source, "/api/v1/hotkeys?limit=20");
  if (!hot) return hot.errors();
  const json* page = FindPool(*pools, source.pool);
  if (page == nullptr) return source.pool.empty() ? "--pool is needed" : "the proxy has no pool called " + source.pool;
  const conf::Pool pool = PoolOf(*page);
  const json* const found = FindPool(*skew, pool.name);
  const json* const hot_page = FindPool(*hot, pool.name);
  // The pages are fetched one after another, and a pool may go in between.
  if (found == nullptr || hot_page == nullptr) return source.url + ": its pages tell of different pools";
  const auto is_load = [](const json& node) {
    return node.at("weight") >= 1 && node.at("requests") >= 0 && node.at("bytes") >= 0 && node.at("fair_share") > 0;
  };
  const json& loads = *found;
  // A quiet minute says little.
  const json& window = loads.at("minute").at("requests") > 0 ? loads.at("minute") : loads.at("hour");
  if (pool.nodes.empty() || window.at("nodes").size() != pool.nodes.size() ||
      !std::ranges::all_of(window.at("nodes"), is_load)) {
    return source.url + ": pool " + pool.name + " has no nodes, or other ones than its loads";
  }
  Report report;
  report.pool = pool.name;
  report.algorithm = conf::NameOf(pool.ring.algorithm);
  report.hash = conf::NameOf(conf::HashOf(pool.ring));
  report.virtual_nodes = conf::VirtualNodesOf(pool.ring);
  report.source = source.url + ", the last " + Fixed(window.at("seconds"), 0) + " seconds";
  report.target = target;
  report.expected_cv = ring::ExpectedCv(static_cast<uint32_t>(pool.nodes.size()), report.virtual_nodes);
  report.expected_peak = ring::ExpectedPeak(static_cast<uint32_t>(pool.nodes.size()), report.virtual_nodes);
  AddLoads(window, page->at("nodes"), report);
  const std::vector<HotLoad> hottest = AddHotKeys(hot_page->at("keys"), report);
  if (const auto problem = WhyNoRing(pool)) {
    // The page of an older proxy lacks what some rings are made of.
    report.advice.push_back("No advice: the proxy does not say all that its ring is made of (" + *problem + ").");
    return report;
  }
  std::vector<double> requests;
  for (const NodeRow& row : report.nodes) requests.push_back(row.requests);
  AddAdvice(Forecast(MakeTopology(pool), requests, hottest, nullptr), report);
  return report;
}

}  // namespace

conf::Result<Report, std::string> LiveReport(const LiveSource& source, double target) {
  // Whatever answers there may be no proxy, or one of another release.
  try {
    return ReportOf(source, target);
  } catch (const json::exception& error) {
    return source.url + ": its pages are not those of a ringproxy that this ringskew knows: " + error.what();
  }
}

}  // namespace ringproxy::ringskew
