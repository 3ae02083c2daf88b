#include <algorithm>
#include <vector>

#include "tools/ringskew/numbers.h"
#include "tools/ringskew/render.h"
#include "tools/ringskew/shown_name.h"

namespace ringproxy::ringskew {
namespace {

constexpr size_t kBarWidth = 30;
constexpr size_t kLongestName = 60;  // Of a key or a node: a longer one would push the figures off the screen.
constexpr double kBarFull = 2;       // Times the fair share.
constexpr const char* kBold = "\x1b[1m";
constexpr const char* kRed = "\x1b[31m";
constexpr const char* kGreen = "\x1b[32m";
constexpr const char* kPlain = "\x1b[0m";

using Row = std::vector<std::string>;

// What a terminal shows, not bytes: "█" is one column.
size_t Width(const std::string& text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](unsigned char c) { return (c & 0xc0) != 0x80; }));
}

// Columns as wide as their widest cell; the first to the left, the others to the right.
std::string Aligned(const std::vector<Row>& rows) {
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line = " ";
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - Width(row[i]), ' ');
      line += " " + (i == 0 ? row[i] + padding : padding + row[i]) + " ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string NameCell(const std::string& name) {
  return ShownName(name, kLongestName);
}

// The ratio as a bar, with a mark where the fair share ends.
std::string Bar(double ratio) {
  const auto filled = static_cast<size_t>(std::min(ratio / kBarFull, 1.0) * kBarWidth + 0.5);
  std::string bar;
  for (size_t i = 0; i < kBarWidth; ++i) {
    const bool mark = i == static_cast<size_t>(kBarWidth / kBarFull);
    bar += i < filled ? "█" : mark ? "│" : "·";
  }
  return bar;
}

class Table {
 public:
  Table(const Report& report, bool colour) : report_(report), colour_(colour) {}

  std::string Text() {
    Head();
    Nodes("", report_.nodes);
    Spreads();
    Hot();
    Misplaced();
    Sweep();
    Change();
    Advice();
    return text_;
  }

 private:
  void Heading(const std::string& text) { text_ += "\n" + Coloured(kBold, text) + "\n"; }
  std::string Coloured(const char* colour, const std::string& text) const {
    return colour_ ? colour + text + kPlain : text;
  }

  void Head() {
    text_ += Coloured(kBold, "pool " + ShownName(report_.pool)) + ": " + std::to_string(report_.nodes.size()) +
             " nodes, " + report_.algorithm + ", " + Grouped(report_.virtual_nodes) + " virtual nodes, hash " +
             report_.hash + "\n";
    text_ += KeysFrom(report_) + ShownName(report_.source) + ", " + Rounded(report_.requests) + " requests";
    if (report_.has_bytes) text_ += ", " + Bytes(report_.bytes);
    text_ += "\n";
    if (report_.partial) text_ += Coloured(kRed, "PARTIAL: not every node could be read") + "\n";
  }

  void Nodes(const std::string& heading, const std::vector<NodeRow>& nodes) {
    if (!heading.empty()) Heading(heading);
    text_ += "\n";
    Row head = {"node", "weight", report_.keys_repeat ? "keys, about" : "keys", "requests", "share", "fair", "ratio"};
    if (report_.has_bytes) head.insert(head.begin() + 4, "bytes");
    // What a proxy has measured has no keys.
    if (report_.keys == 0) head.erase(head.begin() + 2);
    std::vector<Row> rows = {head};
    for (const NodeRow& node : nodes) {
      Row row = {NameCell(node.name),
                 std::to_string(node.weight),
                 Grouped(report_.keys_repeat ? node.distinct_keys : node.keys),
                 Rounded(node.requests),
                 Percent(node.share),
                 Percent(node.fair_share),
                 Fixed(node.ratio, 3) + "  " + Bar(node.ratio)};
      if (report_.has_bytes) row.insert(row.begin() + 4, Bytes(node.bytes));
      if (report_.keys == 0) row.erase(row.begin() + 2);
      rows.push_back(std::move(row));
    }
    rows[0].back() += std::string(kBarWidth + 2, ' ');
    text_ += Aligned(rows);
  }

  void Spreads() {
    Heading("how uneven, and why");
    const auto row = [](const std::string& what, const ring::Spread& spread) {
      return Row{what, Fixed(spread.peak_to_mean, 3), Percent(spread.cv), Fixed(spread.gini, 3)};
    };
    std::vector<Row> rows = {{"", "peak/mean", "CV", "Gini"},
                             row("requests", report_.requests_spread),
                             row("the ring alone", report_.ring_spread)};
    if (report_.keys > 0) rows.insert(rows.begin() + 2, row("keys", report_.keys_spread));
    if (!report_.hot_keys.empty()) rows.push_back(row("requests without the hot keys", report_.without_hot_spread));
    rows.push_back({"an ideal hash would give", Fixed(report_.expected_peak, 3), Percent(report_.expected_cv), ""});
    if (report_.keys > 0) rows.push_back({"so many keys on a perfect ring", "", Percent(report_.sampling_cv), ""});
    text_ += Aligned(rows);
  }

  void Hot() {
    if (!report_.hot_keys.empty()) {
      Heading("hottest keys");
      std::vector<Row> rows = {{"key", "node", "share", "copies"}};
      for (const HotRow& hot : report_.hot_keys) {
        rows.push_back({NameCell(hot.name), NameCell(hot.node), Percent(hot.share), std::to_string(hot.copies)});
      }
      text_ += Aligned(rows);
    }
    if (!report_.hot_prefixes.empty()) {
      Heading("hottest prefixes");
      std::vector<Row> rows = {{"prefix", "share"}};
      for (const HotRow& hot : report_.hot_prefixes) rows.push_back({NameCell(hot.name), Percent(hot.share)});
      text_ += Aligned(rows);
    }
  }

  void Misplaced() {
    if (!report_.misplaced) return;
    Heading("keys on a node that is not theirs");
    text_ += "  " + Grouped(report_.misplaced->keys) + ", " + Percent(report_.misplaced->share) + " of the keys\n";
    if (report_.misplaced->keys == 0) return;
    text_ += "\n";
    std::vector<Row> rows = {{"node", "misplaced"}};
    for (const NodeRow& node : report_.nodes) {
      if (node.misplaced > 0) rows.push_back({NameCell(node.name), Grouped(node.misplaced)});
    }
    text_ += Aligned(rows) + "\n";
    rows = {{"for example", "lies on", "belongs to"}};
    for (const auto& example : report_.misplaced->examples)
      rows.push_back({NameCell(example.key), NameCell(example.node), NameCell(example.owner)});
    text_ += Aligned(rows);
  }

  void Sweep() {
    if (report_.sweep.empty()) return;
    Heading("virtual nodes");
    std::vector<Row> rows = {
        {"", "virtual nodes", "peak/mean", "fullest", "CV", "expected CV", "requests peak/mean", "memory", "lookup"}};
    for (const SweepRow& row : report_.sweep) {
      rows.push_back({row.reaches_target ? "→" : "", Grouped(row.virtual_nodes), Fixed(row.keys.peak_to_mean, 3),
                      Percent(row.fullest_share), Percent(row.keys.cv), Percent(row.expected_cv),
                      Fixed(row.requests.peak_to_mean, 3), Bytes(static_cast<double>(row.memory_bytes)),
                      Fixed(row.lookup_ns, 0) + " ns"});
    }
    text_ += Aligned(rows);
    const std::string whose = report_.keys_repeat ? " of the ring; the keys of this input repeat\n" : " of the keys\n";
    const bool reached = std::ranges::any_of(report_.sweep, &SweepRow::reaches_target);
    text_ += reached ? "  → the fewest that reach a peak/mean of " + Fixed(report_.target, 2) + whose
                     : "  none of them reaches a peak/mean of " + Fixed(report_.target, 2) + whose;
  }

  void Change() {
    if (!report_.change) return;
    const ChangeReport& change = *report_.change;
    Nodes("after: " + ShownName(change.what), change.nodes);
    text_ += "\n";
    std::vector<Row> rows = {{"moved keys", Percent(change.moved_keys)},
                             {"moved requests", Percent(change.moved_requests)},
                             {"the least for fair shares", Percent(change.least_moved)},
                             {"keys that miss once", Grouped(change.extra_misses)},
                             {"requests peak/mean", Fixed(change.requests.peak_to_mean, 3)}};
    if (change.misplaced) rows.push_back({"keys on a node that is not theirs", Grouped(*change.misplaced)});
    text_ += Aligned(rows);
  }

  void Advice() {
    Heading("advice");
    for (const std::string& sentence : report_.advice) text_ += "  " + sentence + "\n";
    if (!report_.yaml.empty()) text_ += "\n" + Coloured(kGreen, report_.yaml);
  }

  const Report& report_;
  bool colour_;
  std::string text_;
};

}  // namespace

std::string KeysFrom(const Report& report) {
  if (report.keys == 0) return {};
  if (!report.keys_repeat) return Grouped(report.keys) + " keys from ";
  return "about " + Grouped(report.distinct_keys) + " keys in " + Grouped(report.keys) + " lines of ";
}

std::string RenderTable(const Report& report, bool colour) {
  return Table(report, colour).Text();
}

}  // namespace ringproxy::ringskew
