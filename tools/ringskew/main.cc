// ringskew – how uneven a pool's load is, why, and what to change. See command_line.h.
#include <unistd.h>

#include <fstream>
#include <iostream>

#include "tools/ringskew/command_line.h"
#include "tools/ringskew/numbers.h"
#include "tools/ringskew/render.h"

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

int Fail(const std::string& text) {
  std::cerr << "ringskew: " << text << "\n";
  return static_cast<int>(ExitCode::kBadInput);
}

int Run(const Order& order) {
  Analysis analysis(order.pool, order.analysis);
  const bool shows_progress = isatty(STDERR_FILENO) == 1;
  const auto error = ForEachKey(
      order.keys, [&](const KeySample& sample) { analysis.Add(sample); },
      [&](uint64_t bytes) {
        if (shows_progress)
          std::cerr << "\r" << ringproxy::ringskew::Bytes(static_cast<double>(bytes)) << " read " << std::flush;
      });
  if (shows_progress) std::cerr << "\r" << std::flush;
  if (error) return Fail(*error);
  const Report report = analysis.Finish(order.keys.what, false);
  const bool to_terminal = order.out.empty() && isatty(STDOUT_FILENO) == 1;
  const std::string text = Render(report, order.format, to_terminal);
  if (order.out.empty()) {
    std::cout << text << std::flush;
    return static_cast<int>(ExitCode::kClean);
  }
  std::ofstream file(order.out, std::ios::binary);
  file << text;
  file.close();
  return file.good() ? static_cast<int>(ExitCode::kClean) : Fail(order.out + ": cannot be written");
}

}  // namespace

int main(int argc, char** argv) {
  ExitCode exit{};
  const auto order = ParseCommandLine(argc, argv, std::cout, std::cerr, &exit);
  return order ? Run(*order) : static_cast<int>(exit);
}
