// proxy/state/probe.h – A blocking command that does not wait: asked over a link that all share, within a transaction.
//
// Purpose: within MULTI and EXEC a server answers a blocking command at once, by nil where it would wait. Should it
// refuse the MULTI, it executes the command as one that waits; so that it holds nobody up then, the command that is
// given has to wait for a moment only. Threads: its owner's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "backends/reply.h"

namespace ringproxy::proxy {

class Probe {
 public:
  // For so many seconds at most may the command wait: the least that servers tell from "without end".
  static constexpr double kSeconds = 0.001;
  // Each gets a reply.
  static constexpr uint32_t kRequests = 3;
  static std::string RequestsOf(std::string_view command);

  enum class ProbeResult : uint8_t {
    kMore,     // More replies are to come.
    kNothing,  // It would wait.
    kRefused,  // The node does not take it within a transaction, which says nothing about the command itself.
    kAnswer,   // What answer() is now, data or an error.
  };
  // To be given each reply, in turn.
  ProbeResult OnReply(backends::Reply&& reply, net::BlockPool& blocks);
  backends::Reply TakeAnswer() { return std::move(answer_); }

 private:
  uint32_t replies_ = 0;
  bool is_plain_ = false;    // MULTI was refused.
  bool is_refused_ = false;  // The command was.
  std::string kept_;         // is_plain_: its reply.
  backends::Reply answer_;
};

}  // namespace ringproxy::proxy
