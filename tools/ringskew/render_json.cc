#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/ringskew/numbers.h"
#include "tools/ringskew/render.h"
#include "tools/ringskew/shown_name.h"

namespace ringproxy::ringskew {
namespace {

// In a fixed order that people chose, so that reports can be read and compared line by line.
using nlohmann::ordered_json;

ordered_json Spread(const ring::Spread& spread) {
  return {{"peak_to_mean", spread.peak_to_mean}, {"cv", spread.cv}, {"gini", spread.gini}};
}

ordered_json Nodes(const std::vector<NodeRow>& nodes) {
  ordered_json rows = ordered_json::array();
  for (const NodeRow& node : nodes) {
    rows.push_back({{"name", node.name},
                    {"weight", node.weight},
                    {"keys", node.keys},
                    {"distinct_keys", node.distinct_keys},
                    {"requests", node.requests},
                    {"bytes", node.bytes},
                    {"share", node.share},
                    {"fair_share", node.fair_share},
                    {"ratio", node.ratio},
                    {"ring_share", node.ring_share},
                    {"misplaced", node.misplaced}});
  }
  return rows;
}

ordered_json HotKeys(const std::vector<HotRow>& hot) {
  ordered_json rows = ordered_json::array();
  for (const HotRow& row : hot) {
    rows.push_back({{"key", row.name}, {"node", row.node}, {"share", row.share}, {"copies", row.copies}});
  }
  return rows;
}

ordered_json Sweep(const std::vector<SweepRow>& sweep) {
  ordered_json rows = ordered_json::array();
  for (const SweepRow& row : sweep) {
    rows.push_back({{"virtual_nodes", row.virtual_nodes},
                    {"keys", Spread(row.keys)},
                    {"requests", Spread(row.requests)},
                    {"fullest_share", row.fullest_share},
                    {"expected_cv", row.expected_cv},
                    {"memory_bytes", row.memory_bytes},
                    {"lookup_ns", row.lookup_ns},
                    {"reaches_target", row.reaches_target}});
  }
  return rows;
}

ordered_json Misplaced(const MisplacedReport& misplaced) {
  ordered_json examples = ordered_json::array();
  for (const auto& example : misplaced.examples) {
    examples.push_back({{"key", example.key}, {"node", example.node}, {"owner", example.owner}});
  }
  return {{"keys", misplaced.keys}, {"share", misplaced.share}, {"examples", examples}};
}

ordered_json Change(const ChangeReport& change) {
  return {{"what", change.what},
          {"nodes", Nodes(change.nodes)},
          {"requests", Spread(change.requests)},
          {"moved_keys", change.moved_keys},
          {"moved_requests", change.moved_requests},
          {"least_moved", change.least_moved},
          {"extra_misses", change.extra_misses},
          {"misplaced", change.misplaced ? ordered_json(*change.misplaced) : ordered_json()}};
}

ordered_json Causes(const std::vector<CauseRow>& causes) {
  ordered_json rows = ordered_json::array();
  for (const CauseRow& row : causes) {
    rows.push_back(
        {{"cause", NameOf(row.cause)}, {"excess", std::max(row.excess, 0.0)}, {"relief", std::max(-row.excess, 0.0)}});
  }
  return rows;
}

ordered_json Cures(const std::vector<CureRow>& cures) {
  ordered_json rows = ordered_json::array();
  for (const CureRow& row : cures) {
    rows.push_back({{"cure", row.what},
                    {"peak_to_mean", row.peak_to_mean},
                    {"gain", row.gain},
                    {"fullest_less", row.fullest_less},
                    {"moved_requests", row.moved_requests},
                    {"spared_requests", row.spared_requests},
                    {"yaml", row.yaml}});
  }
  return rows;
}

// Names with commas or quotes as spreadsheets want them, in UTF-8 and without control characters.
std::string Cell(const std::string& name) {
  const std::string text = ShownName(name);
  if (text.find_first_of(",\"") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

// Whole where it is, as counts are; weights may be parts of 1.
std::string CsvNumber(double value) {
  return value == std::floor(value) ? Fixed(value, 0) : Fixed(value, 6);
}

}  // namespace

std::string RenderJson(const Report& report) {
  ordered_json json = {{"version", 1},
                       {"pool", report.pool},
                       {"algorithm", report.algorithm},
                       {"hash", report.hash},
                       {"virtual_nodes", report.virtual_nodes},
                       {"source", report.source},
                       {"partial", report.partial},
                       {"keys", report.keys},
                       {"distinct_keys", report.distinct_keys},
                       {"keys_repeat", report.keys_repeat},
                       {"requests", report.requests},
                       {"bytes", report.bytes},
                       {"nodes", Nodes(report.nodes)},
                       {"spread",
                        {{"requests", Spread(report.requests_spread)},
                         {"keys", Spread(report.keys_spread)},
                         {"ring", Spread(report.ring_spread)},
                         {"without_hot_keys", Spread(report.without_hot_spread)},
                         {"expected_cv", report.expected_cv},
                         {"expected_peak_to_mean", report.expected_peak},
                         {"sampling_cv", report.sampling_cv}}},
                       {"hot_keys", HotKeys(report.hot_keys)}};
  json["hot_prefixes"] = ordered_json::array();
  for (const HotRow& row : report.hot_prefixes) {
    json["hot_prefixes"].push_back({{"prefix", row.name}, {"share", row.share}});
  }
  json["misplaced"] = report.misplaced ? Misplaced(*report.misplaced) : ordered_json();
  json["target"] = report.target;
  json["sweep"] = Sweep(report.sweep);
  json["change"] = report.change ? Change(*report.change) : ordered_json();
  json["causes"] = Causes(report.causes);
  json["cures"] = Cures(report.cures);
  json["advice"] = report.advice;
  json["yaml"] = report.yaml;
  // Keys are any bytes: what is no UTF-8 is replaced, and what is no ASCII escaped, since a terminal may show this too.
  return json.dump(2, ' ', true, ordered_json::error_handler_t::replace) + "\n";
}

std::string RenderCsv(const Report& report) {
  std::string text = "node,weight,keys,requests,bytes,share,fair_share,ratio,ring_share,distinct_keys,misplaced\n";
  for (const NodeRow& node : report.nodes) {
    text += Cell(node.name) + "," + std::to_string(node.weight) + "," + std::to_string(node.keys) + "," +
            CsvNumber(node.requests) + "," + CsvNumber(node.bytes) + "," + Fixed(node.share, 6) + "," +
            Fixed(node.fair_share, 6) + "," + Fixed(node.ratio, 6) + "," + Fixed(node.ring_share, 6) + "," +
            std::to_string(node.distinct_keys) + "," + std::to_string(node.misplaced) + "\n";
  }
  if (report.sweep.empty()) return text;
  text += "\nvirtual_nodes,keys_peak_to_mean,keys_cv,expected_cv,requests_peak_to_mean,memory_bytes,lookup_ns\n";
  for (const SweepRow& row : report.sweep) {
    text += std::to_string(row.virtual_nodes) + "," + Fixed(row.keys.peak_to_mean, 6) + "," + Fixed(row.keys.cv, 6) +
            "," + Fixed(row.expected_cv, 6) + "," + Fixed(row.requests.peak_to_mean, 6) + "," +
            std::to_string(row.memory_bytes) + "," + Fixed(row.lookup_ns, 1) + "\n";
  }
  return text;
}

}  // namespace ringproxy::ringskew
