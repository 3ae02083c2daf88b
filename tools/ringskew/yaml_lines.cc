#include "tools/ringskew/yaml_lines.h"

#include <algorithm>

namespace ringproxy::ringskew {
namespace {

// A name as a word of YAML's flow style, in quotes where it would be read as something else.
std::string Word(const std::string& name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.' || c == ':' || c == '/';
  };
  const bool is_plain = !name.empty() && std::ranges::all_of(name, plain) && name.front() != '-' && name.back() != ':';
  if (is_plain) return name;
  std::string quoted = "\"";
  for (const char c : name) quoted += (c == '"' || c == '\\' ? "\\" : "") + std::string(1, c);
  return quoted + "\"";
}

std::string Head(const conf::Pool& pool) {
  return "pools:\n  " + Word(pool.name) + ":\n";
}

}  // namespace

std::string RingLines(const conf::Pool& pool, const std::string& option) {
  return Head(pool) + "    ring:\n      " + option + "\n";
}

std::string WeightLines(const conf::Pool& pool) {
  std::string lines = Head(pool) + "    nodes:\n";
  for (const conf::Node& node : pool.nodes) {
    const bool is_named = node.address.host.empty() && !node.address.is_unix();
    lines += "      - {name: " + Word(node.name) + (is_named ? "" : ", address: " + Word(node.address.ToString())) +
             ", weight: " + std::to_string(node.weight) + "}\n";
  }
  if (pool.ring.algorithm != ring::Algorithm::kVnode) return lines;
  return lines + "    ring:\n      virtual_nodes: " + std::to_string(pool.ring.virtual_nodes) + "\n";
}

}  // namespace ringproxy::ringskew
