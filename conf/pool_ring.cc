#include "conf/pool_ring.h"

#include <algorithm>
#include <charconv>

#include "ring/ketama_ring.h"
#include "ring/slots_ring.h"

namespace ringproxy::conf {
namespace {

constexpr uint32_t kVnodePoints = 1024;
constexpr uint32_t kUnweightedPoints = 100;
constexpr uint32_t kKetamaPoints = 160;  // As libmemcached and twemproxy have it.

// These pick by a remainder or by the low bits; all others by the top ones.
bool PicksByLowBits(ring::Algorithm algorithm) {
  return IsKetama(algorithm) || algorithm == ring::Algorithm::kSlots || algorithm == ring::Algorithm::kModula;
}

bool ReadSlot(std::string_view text, uint16_t* slot) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *slot);
  return error == std::errc() && end == text.data() + text.size() && *slot < ring::kSlots;
}

ring::RingNode RingNodeOf(const Node& node) {
  ring::RingNode made;
  made.name = node.name;
  made.weight = node.weight;
  made.host = node.address.is_unix() ? node.address.unix_path : node.address.host;
  made.port = node.address.port;
  // A node without a name of its own is called by its address (conf/parse), and that is no alias.
  made.has_alias = node.name != node.address.ToString();
  if (node.ring_name.empty()) return made;
  made.name = node.ring_name;
  made.host.clear();
  return made;
}

std::vector<ring::RingNode> RingNodes(const Pool& pool) {
  std::vector<ring::RingNode> nodes;
  for (const Node& node : pool.nodes) {
    ring::RingNode& made = nodes.emplace_back(RingNodeOf(node));
    // Only where they count: elsewhere nobody has looked at them.
    if (pool.ring.algorithm == ring::Algorithm::kSlots) made.slots = std::move(ParseSlots(node.slots)).value();
  }
  return nodes;
}

}  // namespace

bool IsKetama(ring::Algorithm algorithm) {
  return algorithm == ring::Algorithm::kKetama || algorithm == ring::Algorithm::kKetamaUnweighted ||
         algorithm == ring::Algorithm::kTwemproxy;
}

uint32_t VirtualNodesOf(const RingOptions& options) {
  if (options.virtual_nodes > 0) return options.virtual_nodes;
  if (options.algorithm == ring::Algorithm::kKetamaUnweighted) return kUnweightedPoints;
  return IsKetama(options.algorithm) ? kKetamaPoints : kVnodePoints;
}

ring::HashAlgorithm HashOf(const RingOptions& options) {
  if (options.hash != ring::HashAlgorithm::kAuto) return options.hash;
  // A ring that another program has too comes with that program's usual hash, so that its keys stay where they are.
  switch (options.algorithm) {
    case ring::Algorithm::kKetama: return ring::HashAlgorithm::kMd5;
    case ring::Algorithm::kKetamaUnweighted: return ring::HashAlgorithm::kOneAtATime;
    case ring::Algorithm::kTwemproxy: return ring::HashAlgorithm::kFnv1a64;
    case ring::Algorithm::kSlots: return ring::HashAlgorithm::kCrc16;
    default: return ring::HashAlgorithm::kXxh3;
  }
}

std::string TwemproxyNameOf(const Node& node) {
  return ring::KetamaRing::PointName(ring::KetamaKind::kTwemproxy, RingNodeOf(node));
}

bool LeavesHashTagOpen(const RingOptions& options) {
  return options.hash_tag == RingOptions{}.hash_tag;
}

std::string_view HashTagOf(const RingOptions& options) {
  if (!LeavesHashTagOpen(options)) return options.hash_tag;
  // Keys with braces lie where these programs have put them, who hash them whole.
  const bool is_elsewhere_too = IsKetama(options.algorithm) || options.algorithm == ring::Algorithm::kModula;
  return is_elsewhere_too ? "" : "{}";
}

Result<std::vector<ring::SlotRange>, std::string> ParseSlots(std::string_view text) {
  std::vector<ring::SlotRange> ranges;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    // No comma follows the last part.
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    const size_t dash = part.find('-');
    ring::SlotRange range{};
    const bool sound = ReadSlot(part.substr(0, dash), &range.first) &&
                       (dash == std::string_view::npos || ReadSlot(part.substr(dash + 1), &range.last));
    if (dash == std::string_view::npos) range.last = range.first;
    if (!sound || range.first > range.last) return "'" + std::string(part) + "' is no range of the slots 0 to 16383";
    ranges.push_back(range);
  }
  return ranges;
}

std::unique_ptr<const ring::Ring> MakePoolRing(const Pool& pool) {
  const ring::RingSpec spec{pool.ring.algorithm, VirtualNodesOf(pool.ring), pool.ring.table_size, HashOf(pool.ring)};
  return ring::MakeRing(spec, RingNodes(pool));
}

KeyHasher::KeyHasher(const RingOptions& options)
    : hash_(HashOf(options)),
      // Without this the top bits of a narrow hash are all zero, and its keys lie on one short arc (semantics.md 31).
      mixes_(ring::HashBits(hash_) < 64 && !PicksByLowBits(options.algorithm)),
      has_rules_(!options.unhashed_prefix.empty()),
      hash_tag_(HashTagOf(options)),
      unhashed_prefix_(options.unhashed_prefix) {}

KeyHasher::KeyHasher(const Pool& pool) : KeyHasher(pool.ring) {
  groups_ = KeyGroups(pool.groups);
  has_rules_ |= !groups_.empty();
}

std::string_view KeyHasher::PartByRules(std::string_view key) const {
  if (!unhashed_prefix_.empty() && key.starts_with(unhashed_prefix_)) key.remove_prefix(unhashed_prefix_.size());
  const std::string_view own = ring::HashTag(key, hash_tag_);
  if (own.size() < key.size()) return own;
  const std::string_view tag = groups_.TagOf(key);
  return tag.empty() ? key : tag;
}

}  // namespace ringproxy::conf
