// proxy/route/fanout_plan.h – What a fan-out has to remember of its request until the last part's reply is in.
//
// Threads: plain values. Clear keeps the memory of small requests for the next one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "backends/wire/command.h"
#include "backends/wire/memcache_cas.h"
#include "backends/wire/request.h"
#include "proxy/route/scan_order.h"

namespace ringproxy::proxy {

struct FanoutPlan {
  wire::Merge merge = wire::Merge::kNone;
  uint8_t protocol = 2;  // The client's version of RESP when it asked.
  uint32_t children = 0;
  // kInKeyOrder and kValues: for each key of the request, in order, the child that has it.
  std::vector<uint32_t> child_of_key;
  // kValues: the request's bytes and where its keys lie in them.
  std::string request;
  // kInstead: what the client reads, a text of static storage.
  std::string_view instead;
  std::vector<wire::ArgumentSpan> keys;
  // kValues and kUntagCas: by child; empty when replies carry no tokens.
  std::vector<wire::CasTag> cas_tags;
  // kValues: some nodes' failures are misses of their keys, as long as another node has answered.
  bool failures_are_misses = false;
  // kConnections, and kAgreed where the client shall know which node says something else: by child.
  std::vector<std::string> node_names;
  // kStatistics: append how many nodes were asked and have answered.
  bool counts_nodes = false;
  // kNextCursor.
  ScanTurn scan;

  std::string_view key(size_t i) const { return std::string_view(request).substr(keys[i].offset, keys[i].size); }
  // For the next request; what a huge one needed is given back.
  void Clear();
};

}  // namespace ringproxy::proxy
