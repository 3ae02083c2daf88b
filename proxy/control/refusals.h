// proxy/control/refusals.h – What clients were refused, over all workers: for /metrics and for the log.
//
// Threads: one reader; the counters are the workers'. No clock: RefusalLog is fed with time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backends/net/loop.h"
#include "proxy/control/worker_stats.h"

namespace ringproxy::proxy {

struct Refusal {
  std::string_view command;  // "other": one that the protocol does not know.
  wire::ErrorCode reason;
  uint64_t count;  // Since the start, above 0.
};

// Everything that `listener`, an index of the snapshot, has refused.
void ForEachRefusal(conf::Protocol protocol, uint32_t listener, AllStats workers,
                    const std::function<void(const Refusal&)>& visit);

// Says in the log what is refused: soon after the first time, and then at most once a kInterval for each command.
class RefusalLog {
 public:
  static constexpr net::Duration kInterval = std::chrono::minutes(1);

  // The statistics outlive it.
  RefusalLog(const Snapshot& snapshot, AllStats workers) : listeners_(snapshot.config.listeners), workers_(workers) {}

  // The lines that are due; call it about once a second.
  std::vector<std::string> Lines(net::TimePoint now);

 private:
  struct Said {
    net::TimePoint next{};                                            // No line before.
    std::map<std::pair<uint32_t, wire::ErrorCode>, uint64_t> counts;  // By listener and reason, when it was last said.
  };

  std::vector<conf::Listener> listeners_;
  AllStats workers_;
  uint64_t total_ = 0;                             // Of all listeners when the lines were last made.
  net::TimePoint wake_{};                          // Some command has more to say from then on.
  std::map<std::string, Said, std::less<>> said_;  // By command; as many as the protocols have.
};

}  // namespace ringproxy::proxy
