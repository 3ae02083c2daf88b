// proxy/route/refusal_stats.h – How many requests were refused for what they are, by command and reason.
//
// Purpose: shows operators what their clients miss. Requests that fail because of a node or a limit are counted
// elsewhere.
// Threads: as backends/stats.h.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>

#include "backends/stats.h"
#include "backends/wire/error_text.h"

namespace ringproxy::proxy {

inline constexpr wire::ErrorCode kRefusalReasons[] = {
    wire::ErrorCode::kCrossSlot,
    wire::ErrorCode::kNotSupported,
    wire::ErrorCode::kUnknownCommand,
    wire::ErrorCode::kWrongArity,
    wire::ErrorCode::kSyntax,
    wire::ErrorCode::kKeyTooLong,
    wire::ErrorCode::kTooLarge,
    wire::ErrorCode::kProtocol,
    wire::ErrorCode::kNoAuth,
    wire::ErrorCode::kWrongPassword,
    wire::ErrorCode::kTransactionTooLarge,
    wire::ErrorCode::kTransactionNotAllowed,
};

class RefusalStats {
 public:
  static constexpr size_t kReasons = std::size(kRefusalReasons);

  // `commands`: of the protocol; one more stands for those that it does not know.
  explicit RefusalStats(size_t commands) : counts_(std::make_unique<backends::Counter[]>((commands + 1) * kReasons)) {}

  // `code` is one of kRefusalReasons.
  void Add(size_t command, wire::ErrorCode code) {
    const size_t reason = static_cast<size_t>(std::ranges::find(kRefusalReasons, code) - std::begin(kRefusalReasons));
    assert(reason < kReasons);
    counts_[command * kReasons + reason].Add();
    total_.Add();
  }
  // Of kRefusalReasons[reason].
  uint64_t value(size_t command, size_t reason) const { return counts_[command * kReasons + reason].value(); }
  uint64_t total() const { return total_.value(); }

 private:
  std::unique_ptr<backends::Counter[]> counts_;
  backends::Counter total_;
};

// Told of each request that is refused behind the session.
class RefusalObserver {
 public:
  virtual void OnRefused(uint32_t listener, uint32_t command, wire::ErrorCode code) = 0;

 protected:
  ~RefusalObserver() = default;
};

}  // namespace ringproxy::proxy
