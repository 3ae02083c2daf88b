#include "proxy/route/scan_order.h"

#include <algorithm>
#include <charconv>

#include "ring/hash.h"

namespace ringproxy::proxy {
namespace {

constexpr int kTagBits = 16;
constexpr uint64_t kNodeCursors = uint64_t{1} << (64 - kTagBits);

bool IsBlank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

}  // namespace

ScanOrder::ScanOrder(std::vector<ScanNode> nodes) : is_complete_(nodes.size() <= kMostNodes) {
  if (!is_complete_) return;
  std::ranges::sort(nodes, {}, &ScanNode::name);
  std::vector<bool> is_taken(kMostNodes);
  for (const ScanNode& node : nodes) {
    size_t number = ring::Hash(ring::HashAlgorithm::kXxh3, node.name) % kMostNodes;
    while (is_taken[number]) number = (number + 1) % kMostNodes;
    is_taken[number] = true;
    stops_.push_back({static_cast<ScanTag>(number + 1), node.pool, node.node});
  }
  std::ranges::sort(stops_, {}, &ScanStop::tag);
}

std::optional<ScanOrder::ScanPlace> ScanOrder::Find(uint64_t cursor) const {
  const auto tag = static_cast<ScanTag>(cursor);
  const auto stop = std::ranges::lower_bound(stops_, tag, {}, &ScanStop::tag);
  if (stop == stops_.end()) return std::nullopt;
  const bool is_last = stop + 1 == stops_.end();
  return ScanPlace{.pool = stop->pool,
                   .node = stop->node,
                   .node_cursor = stop->tag == tag ? cursor >> kTagBits : 0,
                   .turn = {stop->tag, is_last ? ScanTag{0} : (stop + 1)->tag}};
}

std::optional<ScanOrder::ScanPlace> ScanOrder::After(const ScanPlace& place) const {
  return place.turn.next == 0 ? std::nullopt : Find(place.turn.next);
}

std::optional<uint64_t> ParseScanCursor(std::string_view text) {
  // To strtoul a zero byte ends it.
  text = text.substr(0, text.find('\0'));
  if (text.empty()) return 0;
  const bool is_negative = text.front() == '-';
  if (is_negative || text.front() == '+') text.remove_prefix(1);
  if (text.empty() || IsBlank(text.front())) return std::nullopt;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return is_negative ? 0 - value : value;
}

std::optional<uint64_t> ClientCursor(uint64_t node_cursor, ScanTurn turn) {
  // The node is done; a tag without a cursor means its beginning.
  if (node_cursor == 0) return turn.next;
  if (node_cursor >= kNodeCursors) return std::nullopt;
  return (node_cursor << kTagBits) | turn.tag;
}

}  // namespace ringproxy::proxy
