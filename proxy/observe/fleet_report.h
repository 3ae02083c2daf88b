// proxy/observe/fleet_report.h – What several nodes say to INFO, as one report.
//
// Purpose: counters are added up, what is shared has to be the same everywhere, and averages and ratios are made anew
// from the sums: see report_rules_table.h. What a single node says stays as it is. Replication and Cluster are left
// out, since they tell how clients are to use the server that they speak to. Threads: pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringproxy::proxy {

struct ReportLine {
  std::string name;
  std::string value;
};

struct ReportSection {
  std::string name;
  std::vector<ReportLine> lines;
};

struct FleetReport {
  std::vector<ReportSection> sections;  // And their lines: in the order of the first node that has them.
  std::vector<std::string> differing;   // Fields that are left out, since the nodes neither agree nor can be added up.
  std::vector<std::string> silent;      // Nodes that have told nothing.
  size_t nodes = 0;                     // All of them.

  const ReportSection* Find(std::string_view section) const;
};

// `texts`: the nodes', one at least. Names nobody silent.
FleetReport MergeReports(std::span<const std::string_view> texts);

// "1.50M".
std::string HumanBytes(uint64_t bytes);

}  // namespace ringproxy::proxy
