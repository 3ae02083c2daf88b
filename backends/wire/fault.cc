#include "backends/wire/fault.h"

#include <algorithm>

namespace ringproxy::wire {
namespace {

constexpr std::string_view kNodeFaults[] = {"LOADING", "MASTERDOWN", "CLUSTERDOWN", "BUSY",      "READONLY",
                                            "OOM",     "MISCONF",    "TRYAGAIN",    "NOREPLICAS"};

}  // namespace

Fault RedisFault(std::string_view reply) {
  if (!reply.starts_with('-')) return Fault::kNone;
  const std::string_view word = reply.substr(1, reply.find_first_of(" \r") - 1);
  return std::ranges::find(kNodeFaults, word) != std::end(kNodeFaults) ? Fault::kHard : Fault::kNone;
}

Fault MemcacheFault(std::string_view reply) {
  constexpr std::string_view kServerError = "SERVER_ERROR ";
  if (!reply.starts_with(kServerError)) return Fault::kNone;
  return reply.substr(kServerError.size()).starts_with("object too large") ? Fault::kNone : Fault::kSoft;
}

}  // namespace ringproxy::wire
