// proxy/session/greeting.h – What has to be said over an accepted stream before a session begins on it.
//
// Purpose: a greeting reads what it needs and no request, and tells the client's state what it has learnt. It may
// write, too, and may put another stream in the place of the one that it was given: with bytes that it has read too far
// in front, or with what it has agreed upon with the client between. Threads: the worker's. Ownership: see arrivals.h.
#pragma once

#include <memory>
#include <string_view>

#include "backends/net/stream.h"
#include "proxy/local/local_commands.h"

namespace ringproxy::proxy {

class Greeting {
 public:
  enum class GreetingStatus : uint8_t {
    kUnderWay,  // The stream tells when to go on.
    kWhole,     // The session may begin on the stream.
    kWrong,     // It is not what has to be said.
    kLeft,      // The client has ended, or its connection is broken.
  };

  virtual ~Greeting() = default;
  // What is said, for the log: "the PROXY header".
  virtual std::string_view name() const = 0;
  // Once a readiness. The stream's observer is its owner's to say.
  virtual GreetingStatus Continue(std::unique_ptr<net::Stream>& stream, ClientState& client) = 0;
};

}  // namespace ringproxy::proxy
