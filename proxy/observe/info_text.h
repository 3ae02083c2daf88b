// proxy/observe/info_text.h – What a client reads to INFO: what the nodes told, and what the proxy says itself.
//
// Threads: pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backends/wire/request.h"
#include "proxy/local/local_commands.h"
#include "proxy/observe/fleet_report.h"

namespace ringproxy::proxy {

// Which sections an INFO asks for.
class InfoSections {
 public:
  // More names than Redis has sections say nothing new.
  static constexpr size_t kMostNames = 64;
  static constexpr size_t kLongestName = 64;

  // Those that are named from argument `first` on; none is the default ones.
  explicit InfoSections(const wire::Request& request, size_t first = 1);

  bool Wants(std::string_view section) const;
  // Whether nodes know any of it.
  bool needs_nodes() const;
  // Whether they tell all of it without being asked for more than by default.
  bool is_default() const;
  bool operator==(const InfoSections&) const = default;

 private:
  bool default_ = false;
  bool all_ = false;
  bool everything_ = false;
  std::vector<std::string> names_;
};

std::string InfoText(const ProxyFacts& facts, const FleetReport& report, const InfoSections& sections);

}  // namespace ringproxy::proxy
