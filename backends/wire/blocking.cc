#include "backends/wire/blocking.h"

#include <cmath>
#include <cstdlib>
#include <string>

#include "backends/wire/integer.h"
#include "backends/wire/stream_options.h"

namespace ringproxy::wire {
namespace {

// As servers read it: by strtold, which knows hexadecimal numbers and exponents.
std::optional<double> Seconds(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  const double seconds = std::strtod(copy.c_str(), &end);
  // Servers skip no blanks, which strtod does.
  const bool is_whole = !copy.empty() && copy.front() > ' ' && end == copy.c_str() + copy.size();
  if (!is_whole || !std::isfinite(seconds) || seconds < 0) return std::nullopt;
  return seconds;
}

std::optional<double> WaitInMilliseconds(const Request& request, size_t at) {
  constexpr double kPerSecond = 1000;
  const std::optional<int64_t> wait = at < request.size() ? ParseInteger(request[at]) : std::nullopt;
  return wait && *wait >= 0 ? std::optional(static_cast<double>(*wait) / kPerSecond) : std::nullopt;
}

}  // namespace

std::optional<double> WaitOf(const CommandSpec& spec, const Request& request) {
  if (spec.check == ArgumentCheck::kBlockOption) return WaitInMilliseconds(request, ReadStreamOptions(request).wait);
  if (CountsReplicas(spec)) return WaitInMilliseconds(request, request.size() - 1);
  // BLMPOP and BZMPOP say it first, all others last.
  return Seconds(request[spec.keys.kind == KeyKind::kCounted ? 1 : request.size() - 1]);
}

}  // namespace ringproxy::wire
