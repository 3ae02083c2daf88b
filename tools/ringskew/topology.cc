#include "tools/ringskew/topology.h"

#include <algorithm>
#include <charconv>

#include "conf/pool_ring.h"
#include "conf/validate.h"
#include "conf/values.h"
#include "ring/ketama_ring.h"

namespace ringproxy::ringskew {
namespace {

// As conf/option_table bounds a weight.
constexpr uint32_t kMostWeight = 1000;
// Of a point, with its part of a vnode ring's index.
constexpr uint64_t kVnodePointBytes = 15;
constexpr uint64_t kKetamaPointBytes = 8;

conf::Result<conf::Node, std::string> ParseNode(std::string_view text) {
  conf::Node node;
  const size_t equals = text.find('=');
  node.name = text.substr(0, equals);
  if (node.name.empty()) return "a node without a name in " + std::string(text);
  if (equals == std::string_view::npos) return node;
  const std::string_view weight = text.substr(equals + 1);
  const auto [end, error] = std::from_chars(weight.data(), weight.data() + weight.size(), node.weight);
  if (error != std::errc() || end != weight.data() + weight.size() || node.weight < 1 || node.weight > kMostWeight) {
    return "the weight of " + node.name + " is " + std::string(weight) + ", not a number from 1 to " +
           std::to_string(kMostWeight);
  }
  return node;
}

conf::Node* Find(conf::Pool& pool, std::string_view name) {
  const auto node = std::ranges::find(pool.nodes, name, &conf::Node::name);
  return node == pool.nodes.end() ? nullptr : &*node;
}

std::string NoSuchNode(const conf::Pool& pool, const std::string& name) {
  std::string known;
  for (const conf::Node& node : pool.nodes) known += (known.empty() ? "" : ", ") + node.name;
  return "no node is called " + name + "; there are " + known;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : " ") + word;
  return all;
}

}  // namespace

std::vector<double> Topology::weights() const {
  std::vector<double> weights;
  for (const conf::Node& node : pool.nodes) weights.push_back(node.weight);
  return weights;
}

uint64_t PointsOf(const conf::Pool& pool) {
  const uint32_t virtual_nodes = conf::VirtualNodesOf(pool.ring);
  uint64_t weight = 0;
  for (const conf::Node& node : pool.nodes) weight += node.weight;
  if (pool.ring.algorithm == ring::Algorithm::kKetamaUnweighted) return pool.nodes.size() * virtual_nodes;
  if (!conf::IsKetama(pool.ring.algorithm)) return weight * virtual_nodes;
  // A ketama ring shares a fixed number of points out by weight, rounded for each node.
  uint64_t points = 0;
  for (const conf::Node& node : pool.nodes) {
    points += ring::KetamaRing::PointsOf(node.weight, weight, virtual_nodes, pool.nodes.size());
  }
  return points;
}

uint64_t Topology::memory_bytes() const {
  return PointsOf(pool) * (conf::IsKetama(pool.ring.algorithm) ? kKetamaPointBytes : kVnodePointBytes);
}

bool HasVirtualNodes(ring::Algorithm algorithm) {
  return algorithm == ring::Algorithm::kVnode || conf::IsKetama(algorithm);
}

Topology MakeTopology(conf::Pool pool) {
  std::shared_ptr<const ring::Ring> ring = conf::MakePoolRing(pool);
  conf::KeyHasher hasher(pool);
  return {std::move(pool), std::move(ring), std::move(hasher)};
}

std::optional<std::string> WhyNoRing(const conf::Pool& pool) {
  // As if it stood in a file: the rules are there.
  conf::Config config;
  config.pools.push_back(pool);
  config.pools[0].auth = {};  // Its files are not read again.
  conf::Listener& listener = config.listeners.emplace_back();
  listener.name = "none";
  listener.listen.unix_path = "none";  // No node's.
  listener.protocol = pool.protocol;
  listener.routes = {{"", pool.name}};
  const auto checked = conf::CheckedConfig(std::move(config));
  if (checked) return std::nullopt;
  return checked.errors().front().ToString();
}

conf::Result<conf::Pool, std::string> PoolOfNodes(std::string_view list) {
  conf::Pool pool;
  pool.name = "nodes";
  // An empty list, or a comma at its end, is a node without a name: the loop meets it and reports it.
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    auto node = ParseNode(list.substr(begin, end - begin));
    if (!node) return node.errors();
    if (Find(pool, node->name) != nullptr) return "node " + node->name + " stands twice in --nodes";
    pool.nodes.push_back(std::move(node).value());
    begin = end + 1;
  }
  return pool;
}

std::string Change::ToString() const {
  std::string text;
  const auto say = [&](const std::string& what) { text += (text.empty() ? "" : ", ") + what; };
  if (!add.empty()) say("add " + Joined(add));
  if (!remove.empty()) say("remove " + Joined(remove));
  if (!weight.empty()) say("weight " + Joined(weight));
  if (algorithm) say("algorithm " + std::string(conf::NameOf(*algorithm)));
  if (virtual_nodes) say(std::to_string(*virtual_nodes) + " virtual nodes");
  return text;
}

conf::Result<conf::Pool, std::string> Changed(conf::Pool pool, const Change& change) {
  // Nodes leave first, so that one may be removed and added again with another weight.
  for (const std::string& name : change.remove) {
    if (Find(pool, name) == nullptr) return NoSuchNode(pool, name);
    std::erase_if(pool.nodes, [&](const conf::Node& node) { return node.name == name; });
  }
  for (const std::string& text : change.weight) {
    auto wanted = ParseNode(text);
    if (!wanted) return wanted.errors();
    conf::Node* node = Find(pool, wanted->name);
    if (node == nullptr) return NoSuchNode(pool, wanted->name);
    node->weight = wanted->weight;
  }
  for (const std::string& text : change.add) {
    auto node = ParseNode(text);
    if (!node) return node.errors();
    if (Find(pool, node->name) != nullptr) return "node " + node->name + " is there already";
    pool.nodes.push_back(std::move(node).value());
  }
  if (pool.nodes.empty()) return std::string("no node is left");
  if (change.algorithm) pool.ring.algorithm = *change.algorithm;
  if (change.virtual_nodes) pool.ring.virtual_nodes = *change.virtual_nodes;
  if (auto problem = WhyNoRing(pool)) return *problem;
  return pool;
}

}  // namespace ringproxy::ringskew
