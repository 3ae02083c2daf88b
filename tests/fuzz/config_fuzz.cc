// What holds for any bytes that a configuration may be: it is read without an exception, in bounded time and memory;
// mistakes are told in lines that can be shown; and what has none means the same once it has been printed.
#include <cstdint>

#include "conf/hints.h"
#include "conf/parse.h"
#include "conf/print.h"
#include "tests/fuzz/require.h"

namespace {

using ringproxy::conf::Config;
using ringproxy::conf::Errors;
using ringproxy::conf::Result;
using ringproxy::test::Require;

// Paths and values are cut before they are shown, so no line grows with the text.
constexpr size_t kLongestLine = 4096;

void CheckLine(std::string_view line) {
  Require(!line.empty() && line.size() <= kLongestLine);
  for (const char c : line) Require(static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
}

void CheckErrors(const Errors& errors) {
  Require(!errors.empty());
  for (const auto& error : errors) CheckLine(error.ToString());
}

void CheckPrinted(Config config) {
  for (const std::string& hint : Hints(config)) CheckLine(hint);
  const std::string changes = PrintChanges(config, {});
  // What is printed says `data` of every pool.
  const std::string whole = PrintConfig(config);
  for (auto& pool : config.pools) pool.taken_for_cache = false;
  for (const std::string& printed : {whole, changes}) {
    const Result<Config> again = ringproxy::conf::ParseConfig(printed, "printed.yaml");
    Require(again.ok() && *again == config);
  }
}

// A secret's file may be a device or a pipe, from which something would have to come first.
bool NamesDevices(std::string_view text) {
  return text.find("/dev") != std::string_view::npos || text.find("/proc") != std::string_view::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (NamesDevices(text)) return 0;
  const Result<Config> config = ringproxy::conf::ParseConfig(text, "fuzzed.yaml");
  if (config) {
    CheckPrinted(*config);
  } else {
    CheckErrors(config.errors());
  }
  return 0;
}
