// ringskew – how uneven a pool's load is, why, and what to change. See command_line.h.
#include <unistd.h>

#include <fstream>
#include <iostream>

#include "tools/ringskew/command_line.h"
#include "tools/ringskew/numbers.h"
#include "tools/ringskew/render.h"
#include "tools/ringskew/scan.h"
#include "tools/ringskew/shown_name.h"

namespace {

using namespace ringproxy::ringskew;

std::string Render(const Report& report, Format format, bool to_terminal) {
  switch (format) {
    case Format::kTable: return RenderTable(report, to_terminal);
    case Format::kJson: return RenderJson(report);
    case Format::kCsv: return RenderCsv(report);
    case Format::kHtml: return RenderHtml(report);
  }
  return {};
}

// What nodes, proxies and files wrote may stand in it, and a terminal would obey their control characters.
void Complain(const std::string& text) {
  std::cerr << "ringskew: " << ShownName(text) << "\n";
}

int Fail(const std::string& text) {
  Complain(text);
  return static_cast<int>(ExitCode::kBadInput);
}

// On a terminal only, where it overwrites itself.
void ShowProgress(const std::string& text) {
  static const bool terminal = isatty(STDERR_FILENO) == 1;
  if (terminal) std::cerr << "\r\x1b[K" << text << std::flush;
}

// The report's source, or an error. `partial`: some node could not be read.
std::optional<std::string> ReadKeys(const Order& order, Analysis& analysis, std::string* source, bool* partial) {
  const auto add = [&](const KeySample& sample) { analysis.Add(sample); };
  if (!order.scan) {
    *source = order.keys.what;
    return ForEachKey(order.keys, add, [](uint64_t bytes) {
      ShowProgress(ringproxy::ringskew::Bytes(static_cast<double>(bytes)) + " read");
    });
  }
  *source = "the pool's nodes";
  const auto problems = ScanNodes(order.pool, add, [](uint64_t keys) { ShowProgress(Grouped(keys) + " keys read"); });
  // The line of progress is cleared before anything else is written.
  ShowProgress("");
  for (const std::string& problem : problems) Complain(problem);
  if (analysis.keys() == 0) {
    return problems.size() == order.pool.nodes.size() ? "no node could be read"
                                                      : "the nodes that were read hold no keys";
  }
  *partial = !problems.empty();
  return std::nullopt;
}

// The report, or what is wrong.
ringproxy::conf::Result<Report, std::string> MakeReport(const Order& order) {
  if (order.live) return LiveReport(*order.live, order.analysis.target);
  Analysis analysis(order.pool, order.analysis);
  std::string source;
  bool partial = false;
  const auto error = ReadKeys(order, analysis, &source, &partial);
  ShowProgress("");
  if (error) return *error;
  return analysis.Finish(source, partial);
}

int Run(const Order& order) {
  const auto report = MakeReport(order);
  if (!report) return Fail(report.errors());
  const ExitCode done = report->partial ? ExitCode::kPartial : ExitCode::kClean;
  const bool to_terminal = order.out.empty() && isatty(STDOUT_FILENO) == 1;
  const std::string text = Render(*report, order.format, to_terminal);
  if (order.out.empty()) {
    std::cout << text << std::flush;
    return static_cast<int>(done);
  }
  std::ofstream file(order.out, std::ios::binary);
  file << text;
  // Closed before it is asked: a full disk often shows only then.
  file.close();
  return file.good() ? static_cast<int>(done) : Fail(order.out + ": cannot be written");
}

}  // namespace

int main(int argc, char** argv) {
  ExitCode exit{};
  const auto order = ParseCommandLine(argc, argv, std::cout, std::cerr, &exit);
  return order ? Run(*order) : static_cast<int>(exit);
}
