// What holds for any bytes that ringskew may be given as keys or as a log: the same keys, or the same words about what
// is wrong, however the text was cut on its way.
#include <array>
#include <cmath>

#include "tests/fuzz/cut_input.h"
#include "tools/ringskew/key_source.h"

namespace {

using ringproxy::ringskew::KeyFormat;
using ringproxy::ringskew::KeySample;
using ringproxy::ringskew::KeySource;
using ringproxy::test::CutInput;
using ringproxy::test::Require;

// Which of these the input is read as, its first byte says.
const std::array<KeySource, 8> kSources = {{
    {"keys", {}},
    {"log", {.column = "1"}},
    {"log", {.column = "2", .weight_column = "3", .bytes_column = "1"}},
    {"log", {.column = "key"}},
    {"log", {.column = "key", .weight_column = "hits", .bytes_column = "size"}},
    {"log", {.column = "key", .weight_column = "2", .delimiter = ';'}},
    {"log", {.column = "key", .quotes = false}},
    {"log", {.column = "2", .weight_column = "1", .delimiter = ' '}},
}};

void CheckSample(const KeySample& sample) {
  Require(std::isfinite(sample.requests) && sample.requests >= 0);
  Require(std::isfinite(sample.bytes) && sample.bytes >= 0);
}

// What is shown of the input is printable, and a line.
void CheckError(std::string_view error) {
  Require(!error.empty());
  for (const char c : error) Require(static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
}

void LogKeys(const KeySource& source, std::string_view text, const std::vector<size_t>& cuts, std::string* log) {
  log->clear();
  // Each piece is gone when the next one comes, as in a read buffer; ExactBytes notices who still looks at it.
  ringproxy::test::ExactBytes exact(text.size());
  ringproxy::ringskew::PieceSource pieces = [&, start = size_t{0}, next = size_t{0}]() mutable {
    if (start == text.size()) return std::string_view();
    size_t end = start;
    while (end == start) end = next < cuts.size() ? cuts[next++] : text.size();
    const std::string_view piece = exact.Copy(text.substr(start, end - start));
    start = end;
    return piece;
  };
  const auto visit = [log](const KeySample& sample) {
    CheckSample(sample);
    const size_t size = sample.key.size();
    log->append(reinterpret_cast<const char*>(&size), sizeof size);
    log->append(sample.key);
    log->append(reinterpret_cast<const char*>(&sample.requests), sizeof sample.requests);
    log->append(reinterpret_cast<const char*>(&sample.bytes), sizeof sample.bytes);
  };
  if (const auto error = ForEachKeyOf(pieces, source, visit)) {
    CheckError(*error);
    log->append("error ").append(*error);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static std::string whole, cut;
  const CutInput input = ringproxy::test::ReadCutInput(data, size);
  if (input.stream.empty()) return 0;
  const KeySource& source = kSources[static_cast<unsigned char>(input.stream[0]) % kSources.size()];
  const std::string_view text = input.stream.substr(1);
  std::vector<size_t> cuts;
  for (const size_t place : input.cuts) cuts.push_back(place > 0 ? place - 1 : 0);
  LogKeys(source, text, {}, &whole);
  LogKeys(source, text, cuts, &cut);
  Require(whole == cut);
  return 0;
}
