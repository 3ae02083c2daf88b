// proxy/state/wait_patience.h – How long the proxy waits for a node that was told to wait, and how it is told to end.
//
// Threads: pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "backends/wire/resp_encode.h"
#include "conf/config.h"

namespace ringproxy::proxy {

// As what a wait ends that its node is told to end.
enum class WaitEnd : uint8_t {
  kNone,     // It is not told.
  kTimeout,  // Its time is over.
  kError,    // Its client reads kUnblocked.
};

// As a server has it.
inline constexpr std::string_view kUnblocked = "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n";

// Has the node end the wait over the link of that number, as it knows the link.
inline std::string UnblockRequest(int64_t number, WaitEnd as) {
  std::string request;
  wire::AppendArrayHeader(4, &request);
  for (const std::string_view word : {"CLIENT", "UNBLOCK"}) wire::AppendBulk(word, &request);
  wire::AppendBulk(std::to_string(number), &request);
  wire::AppendBulk(as == WaitEnd::kError ? "ERROR" : "TIMEOUT", &request);
  return request;
}

// In seconds: longer than the node waits itself, by what any request may take. 0, either of them: without end.
inline uint32_t PatienceOf(double seconds, const conf::Timeouts& timeouts) {
  constexpr double kMost = std::numeric_limits<uint32_t>::max() / 2;
  const double grace = std::chrono::duration<double>(conf::TotalOf(timeouts)).count() + 1;
  return seconds <= 0 || seconds > kMost ? 0 : static_cast<uint32_t>(seconds + grace + 1);
}

}  // namespace ringproxy::proxy
