// proxy/route/scan_order.h – The nodes of a listener as SCAN visits them, and the cursors that lead from one to the
// next.
//
// Purpose: a client's cursor is the node's own times 2^16 plus the node's tag. So it says whose turn it is without
// anything being remembered, and as long as a node has fewer than 2^37 keys it stays below 2^53: many clients keep it
// as a double. Tags follow from the nodes' names alone, equal on every proxy, and nodes are visited by rising tag. A
// tag that no node has (any more) leads to the next higher one, from its beginning: what has left the fleet ends no
// scan, and whoever stays is seen.
// Threads: immutable once made; the functions are pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringproxy::proxy {

using ScanTag = uint16_t;  // 0 is nobody's.

// A node that is being asked, and who comes after it: none if 0.
struct ScanTurn {
  ScanTag tag = 0;
  ScanTag next = 0;
};

class ScanOrder {
 public:
  static constexpr size_t kMostNodes = 65'535;

  struct ScanNode {
    std::string name;  // Another than all others'.
    uint32_t pool = 0;
    uint32_t node = 0;
  };
  // Where a scan goes on: at which node, with which cursor of the node's.
  struct ScanPlace {
    uint32_t pool = 0;
    uint32_t node = 0;
    uint64_t node_cursor = 0;
    ScanTurn turn;
  };

  ScanOrder() = default;
  // Of two names that have the same tag by their hashes, the later one in the order of names takes the next that is
  // free. More than kMostNodes have no order: see is_complete.
  explicit ScanOrder(std::vector<ScanNode> nodes);

  // Whether every node has a tag; if not, nothing can be found.
  bool is_complete() const { return is_complete_; }
  // By a cursor as the client gives it, 0 at the beginning. Nothing: no node is left to be visited.
  std::optional<ScanPlace> Find(uint64_t cursor) const;
  // The beginning of the node behind it.
  std::optional<ScanPlace> After(const ScanPlace& place) const;

 private:
  struct ScanStop {
    ScanTag tag;
    uint32_t pool;
    uint32_t node;
  };

  std::vector<ScanStop> stops_;  // By rising tag.
  bool is_complete_ = true;
};

// A client's cursor as Redis reads it, by strtoul: leading zeros, a sign and nothing at all pass.
std::optional<uint64_t> ParseScanCursor(std::string_view text);

// The cursor that the client is to be given for that of the node; 0 when the last one has been visited. Nothing: the
// node's is too large.
std::optional<uint64_t> ClientCursor(uint64_t node_cursor, ScanTurn turn);

}  // namespace ringproxy::proxy
