#include "backends/own_trouble.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "backends/line_limit.h"
#include "backends/net/connect_error.h"

namespace ringproxy::backends {
namespace {

// One for the process: what it lacks, all of its threads lack, and only their sum is asked for.
std::array<std::atomic<uint64_t>, std::size(kAttempts)> counts{};

const char* Explain(Attempt attempt) {
  switch (attempt) {
    case Attempt::kAccept: return "a client cannot be accepted";
    case Attempt::kNode: return "a connection to a node cannot be opened";
    case Attempt::kCheck: return "a node cannot be checked";
    case Attempt::kAdmin: return "a client of the admin port cannot be accepted";
  }
  return "";
}

}  // namespace

const char* NameOf(Attempt attempt) {
  switch (attempt) {
    case Attempt::kAccept: return "accept";
    case Attempt::kNode: return "node";
    case Attempt::kCheck: return "check";
    case Attempt::kAdmin: return "admin";
  }
  return "";
}

bool IsOwnTrouble(int error) {
  // EADDRNOTAVAIL at connecting means that no local port is free.
  return net::IsShortage(error) || error == EADDRNOTAVAIL;
}

void NoteOwnTrouble(Attempt attempt, int error, net::TimePoint now) {
  static LineLimit lines(std::chrono::seconds(1), 1);
  counts[static_cast<size_t>(attempt)].fetch_add(1, std::memory_order_relaxed);
  lines.Log(now, spdlog::level::warn, "{}: {}", Explain(attempt), std::strerror(error));
}

uint64_t OwnTroubles(Attempt attempt) {
  return counts[static_cast<size_t>(attempt)].load(std::memory_order_relaxed);
}

}  // namespace ringproxy::backends
