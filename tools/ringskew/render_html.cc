#include <algorithm>
#include <cmath>

#include "tools/ringskew/numbers.h"
#include "tools/ringskew/render.h"
#include "tools/ringskew/shown_name.h"

namespace ringproxy::ringskew {
namespace {

constexpr std::string_view kStyle = R"(<style>
:root{color-scheme:light dark;--ink:#1c2733;--soft:#66788a;--line:#d8e0e8;--bar:#3b82c4;--hot:#d1495b;--back:#fff;--box:#f6f8fa}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#93a4b5;--line:#30404f;--bar:#5aa2e0;--hot:#ef7685;--back:#0f171f;--box:#172330}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.3rem 0}.soft{color:var(--soft)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .6rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}th{white-space:normal}th:first-child,td:first-child{text-align:left}
pre{background:var(--box);padding:.8rem;border-radius:6px;overflow:auto}.advice{border-left:4px solid var(--bar);background:var(--box);padding:.6rem 1rem;margin:.5rem 0}
.partial{color:var(--hot);font-weight:600}svg{width:100%;height:auto}svg text{fill:var(--ink);font:12px system-ui,sans-serif}
.bar{fill:var(--bar)}.over{fill:var(--hot)}.fair{stroke:var(--ink);stroke-dasharray:3 3}.curve{fill:none;stroke:var(--bar);stroke-width:2}
.expected{fill:none;stroke:var(--soft);stroke-dasharray:4 3}.dot{fill:var(--bar)}.mark{fill:var(--hot)}
</style>)";

// Whatever bytes a key holds, the page is UTF-8 and no key is markup.
std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : ShownName(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

// Line by line: a line end is no byte to hide here.
std::string EscapedLines(const std::string& text) {
  std::string out;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    out += Escaped(std::string_view(text).substr(begin, end - begin)) + "\n";
    begin = end + 1;
  }
  return out;
}

using Cells = std::vector<std::string>;

std::string TableRow(const Cells& cells, const char* tag = "td") {
  std::string row = "<tr>";
  for (const std::string& cell : cells) row += std::string("<") + tag + ">" + cell + "</" + tag + ">";
  return row + "</tr>\n";
}

std::string Text(double x, double y, const std::string& text, const char* anchor = "start") {
  return "<text x=\"" + Fixed(x, 1) + "\" y=\"" + Fixed(y, 1) + "\" text-anchor=\"" + anchor + "\">" + text +
         "</text>\n";
}

// One bar a node: its ratio, and a line where the fair share ends.
std::string RatioChart(const std::vector<NodeRow>& nodes) {
  constexpr double kRow = 22, kLeft = 140, kWidth = 620;
  // The line of the fair share stays within the chart, however even the nodes are.
  double most = 1.2;
  for (const NodeRow& node : nodes) most = std::max(most, node.ratio * 1.05);
  const double height = kRow * static_cast<double>(nodes.size()) + 24;
  const double fair = kLeft + kWidth / most;
  std::string svg = "<svg viewBox=\"0 0 900 " + Fixed(height, 0) + "\" role=\"img\" aria-label=\"share by node\">\n";
  double y = 4;
  for (const NodeRow& node : nodes) {
    const double width = node.ratio / most * kWidth;
    svg += Text(kLeft - 8, y + 14, Escaped(node.name), "end");
    svg += "<rect class=\"" + std::string(node.ratio > 1.1 ? "over" : "bar") + "\" x=\"" + Fixed(kLeft, 1) + "\" y=\"" +
           Fixed(y + 2, 1) + "\" width=\"" + Fixed(width, 1) + "\" height=\"16\" rx=\"2\"/>\n";
    svg += Text(kLeft + width + 6, y + 14, Percent(node.share) + " · " + Fixed(node.ratio, 2));
    y += kRow;
  }
  svg += "<line class=\"fair\" x1=\"" + Fixed(fair, 1) + "\" x2=\"" + Fixed(fair, 1) + "\" y1=\"0\" y2=\"" +
         Fixed(y + 2, 1) + "\"/>\n";
  return svg + Text(fair, y + 16, "fair share", "middle") + "</svg>\n";
}

struct Bar {
  std::string label;
  double share;
};

// Shares as bars, the longest as long as the page.
std::string ShareChart(const std::vector<Bar>& bars, const char* label) {
  constexpr double kRow = 20, kLeft = 240, kWidth = 540;
  // Where no bar has a length nothing is divided by zero.
  double most = 1e-9;
  for (const Bar& bar : bars) most = std::max(most, bar.share);
  std::string svg = "<svg viewBox=\"0 0 900 " + Fixed(kRow * static_cast<double>(bars.size()) + 8, 0) +
                    "\" role=\"img\" aria-label=\"" + label + "\">\n";
  double y = 4;
  for (const Bar& bar : bars) {
    // There is room for so many characters; the table below has the whole name.
    svg += Text(kLeft - 8, y + 13, Escaped(ShownName(bar.label, 40)), "end");
    svg += "<rect class=\"bar\" x=\"" + Fixed(kLeft, 1) + "\" y=\"" + Fixed(y + 2, 1) + "\" width=\"" +
           Fixed(bar.share / most * kWidth, 1) + "\" height=\"14\" rx=\"2\"/>\n";
    svg += Text(kLeft + bar.share / most * kWidth + 6, y + 13, Percent(bar.share));
    y += kRow;
  }
  return svg + "</svg>\n";
}

// Peak/mean over the virtual nodes, both on a logarithmic scale's even steps.
std::string SweepChart(const Report& report) {
  constexpr double kLeft = 60, kTop = 14, kWidth = 800, kHeight = 220;
  double most = report.target;
  for (const SweepRow& row : report.sweep) most = std::max(most, row.keys.peak_to_mean);
  const double span = std::max(most - 1, 0.01);
  const auto steps = static_cast<double>(std::max<size_t>(report.sweep.size() - 1, 1));
  const auto x = [&](size_t i) { return kLeft + kWidth * static_cast<double>(i) / steps; };
  const auto y = [&](double peak) { return kTop + kHeight * (1 - (peak - 1) / span); };
  std::string svg = "<svg viewBox=\"0 0 900 280\" role=\"img\" aria-label=\"peak to mean by virtual nodes\">\n";
  std::string curve;
  std::string dots;
  for (size_t i = 0; i < report.sweep.size(); ++i) {
    const SweepRow& row = report.sweep[i];
    curve += Fixed(x(i), 1) + "," + Fixed(y(row.keys.peak_to_mean), 1) + " ";
    dots += "<circle class=\"" + std::string(row.reaches_target ? "mark" : "dot") + "\" cx=\"" + Fixed(x(i), 1) +
            "\" cy=\"" + Fixed(y(row.keys.peak_to_mean), 1) + "\" r=\"" + (row.reaches_target ? "6" : "3.5") + "\"/>\n";
    dots += Text(x(i), kTop + kHeight + 20, Grouped(row.virtual_nodes), "middle");
  }
  svg += "<line class=\"fair\" x1=\"" + Fixed(kLeft, 0) + "\" x2=\"" + Fixed(kLeft + kWidth, 0) + "\" y1=\"" +
         Fixed(y(report.target), 1) + "\" y2=\"" + Fixed(y(report.target), 1) + "\"/>\n";
  svg +=
      Text(kLeft - 6, y(report.target) + 4, Fixed(report.target, 2), "end") + Text(kLeft - 6, y(1) + 4, "1.00", "end");
  svg += Text(kLeft - 6, y(most) + 4, Fixed(most, 2), "end");
  svg += "<polyline class=\"curve\" points=\"" + curve + "\"/>\n" + dots;
  return svg + Text(kLeft + kWidth / 2, kTop + kHeight + 40, "virtual nodes", "middle") + "</svg>\n";
}

std::string NodeTable(const Report& report, const std::vector<NodeRow>& nodes) {
  const char* const keys = report.keys_repeat ? "keys, about" : "keys";
  Cells head = {"node", "weight", keys, "requests", "share", "fair share", "ratio"};
  if (report.has_bytes) head.push_back("bytes");
  std::string table = "<table>" + TableRow(head, "th");
  for (const NodeRow& node : nodes) {
    const uint64_t count = report.keys_repeat ? node.distinct_keys : node.keys;
    Cells cells = {Escaped(node.name),  std::to_string(node.weight), Grouped(count),      Rounded(node.requests),
                   Percent(node.share), Percent(node.fair_share),    Fixed(node.ratio, 3)};
    if (report.has_bytes) cells.push_back(Bytes(node.bytes));
    table += TableRow(cells);
  }
  return table + "</table>\n";
}

std::string SpreadTable(const Report& report) {
  const auto row = [](const std::string& what, const ring::Spread& spread) {
    return TableRow({what, Fixed(spread.peak_to_mean, 3), Percent(spread.cv), Fixed(spread.gini, 3)});
  };
  std::string table =
      "<table>" + TableRow({"", "peak/mean", "CV", "Gini"}, "th") + row("requests", report.requests_spread) +
      (report.keys > 0 ? row("keys", report.keys_spread) : "") + row("the ring alone", report.ring_spread);
  if (!report.hot_keys.empty()) table += row("requests without the hot keys", report.without_hot_spread);
  table += TableRow({"an ideal hash would give", Fixed(report.expected_peak, 3), Percent(report.expected_cv), ""});
  return table + TableRow({"so many keys on a perfect ring", "", Percent(report.sampling_cv), ""}) + "</table>\n";
}

std::string HotTables(const Report& report) {
  std::string html;
  if (!report.hot_keys.empty()) {
    std::vector<Bar> bars;
    for (const HotRow& hot : report.hot_keys) bars.push_back({hot.name, hot.share});
    html += "<h2>Hottest keys</h2>\n" + ShareChart(bars, "hottest keys") + "<table>" +
            TableRow({"key", "node", "share", "copies"}, "th");
    for (const HotRow& hot : report.hot_keys) {
      html += TableRow({Escaped(hot.name), Escaped(hot.node), Percent(hot.share), std::to_string(hot.copies)});
    }
    html += "</table>\n";
  }
  if (!report.hot_prefixes.empty()) {
    html += "<h2>Hottest prefixes</h2>\n<table>" + TableRow({"prefix", "share"}, "th");
    for (const HotRow& hot : report.hot_prefixes) html += TableRow({Escaped(hot.name), Percent(hot.share)});
    html += "</table>\n";
  }
  return html;
}

std::string MisplacedPart(const Report& report) {
  if (!report.misplaced) return {};
  const MisplacedReport& misplaced = *report.misplaced;
  std::string html = "<h2>Keys on a node that is not theirs</h2>\n<p>" + Grouped(misplaced.keys) + ", " +
                     Percent(misplaced.share) + " of the keys</p>\n";
  if (misplaced.keys == 0) return html;
  html += "<table>" + TableRow({"node", "misplaced"}, "th");
  for (const NodeRow& node : report.nodes) {
    if (node.misplaced > 0) html += TableRow({Escaped(node.name), Grouped(node.misplaced)});
  }
  html += "</table>\n<table>" + TableRow({"for example", "lies on", "belongs to"}, "th");
  for (const auto& example : misplaced.examples) {
    html += TableRow({Escaped(example.key), Escaped(example.node), Escaped(example.owner)});
  }
  return html + "</table>\n";
}

std::string SweepPart(const Report& report) {
  if (report.sweep.empty()) return {};
  const char* const peak = report.keys_repeat ? "peak/mean of the ring" : "peak/mean of the keys";
  std::string html = "<h2>How many virtual nodes</h2>\n" + SweepChart(report) + "<table>" +
                     TableRow({"virtual nodes", peak, "fullest node", "CV", "expected CV", "peak/mean of the requests",
                               "memory", "lookup"},
                              "th");
  for (const SweepRow& row : report.sweep) {
    html += TableRow({Grouped(row.virtual_nodes) + (row.reaches_target ? " ←" : ""), Fixed(row.keys.peak_to_mean, 3),
                      Percent(row.fullest_share), Percent(row.keys.cv), Percent(row.expected_cv),
                      Fixed(row.requests.peak_to_mean, 3), Bytes(static_cast<double>(row.memory_bytes)),
                      Fixed(row.lookup_ns, 0) + " ns"});
  }
  return html + "</table>\n";
}

std::string ChangePart(const Report& report) {
  if (!report.change) return {};
  const ChangeReport& change = *report.change;
  return "<h2>After: " + Escaped(change.what) + "</h2>\n" + RatioChart(change.nodes) + NodeTable(report, change.nodes) +
         ShareChart({{"moved keys", change.moved_keys},
                     {"moved requests", change.moved_requests},
                     {"least for fair shares", change.least_moved}},
                    "moved keys") +
         "<p>Moved: <b>" + Percent(change.moved_keys) + "</b> of the keys, <b>" + Percent(change.moved_requests) +
         "</b> of the requests; fair shares take at least " + Percent(change.least_moved) + ". " +
         Grouped(change.extra_misses) + " keys miss once." +
         (change.misplaced ? " " + Grouped(*change.misplaced) + " keys would lie on a node that is not theirs." : "") +
         "</p>\n";
}

}  // namespace

std::string RenderHtml(const Report& report) {
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>ringskew: pool " +
      Escaped(report.pool) + "</title>\n" + std::string(kStyle) + "</head><body>\n";
  html += "<h1>Pool " + Escaped(report.pool) + "</h1>\n<p class=\"soft\">" + std::to_string(report.nodes.size()) +
          " nodes, " + Escaped(report.algorithm) + ", " + Grouped(report.virtual_nodes) + " virtual nodes, hash " +
          Escaped(report.hash) + "; " + KeysFrom(report) + Escaped(report.source) + ", " + Rounded(report.requests) +
          " requests</p>\n";
  if (report.partial) html += "<p class=\"partial\">Partial: not every node could be read.</p>\n";
  html += "<h2>Advice</h2>\n";
  for (const std::string& sentence : report.advice) html += "<p class=\"advice\">" + Escaped(sentence) + "</p>\n";
  if (!report.yaml.empty()) html += "<pre>" + EscapedLines(report.yaml) + "</pre>\n";
  html += "<h2>Share by node</h2>\n" + RatioChart(report.nodes) + NodeTable(report, report.nodes);
  html += "<h2>How uneven, and why</h2>\n" + SpreadTable(report) + HotTables(report) + MisplacedPart(report) +
          SweepPart(report) + ChangePart(report);
  return html + "</body></html>\n";
}

}  // namespace ringproxy::ringskew
