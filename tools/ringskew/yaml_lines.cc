#include "tools/ringskew/yaml_lines.h"

#include <algorithm>

#include "tools/ringskew/shown_name.h"

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
  // A control character has an escape of YAML's here. What else is not fit to be shown no configuration can hold.
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string quoted;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      quoted += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      quoted += (c == '"' || c == '\\' ? "\\" : "") + std::string(1, c);
    }
  }
  return '"' + ShownName(quoted) + '"';
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
