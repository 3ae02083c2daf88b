// proxy/state/message_sink.h – Who brings messages to the clients that listen.
//
// Threads: its worker's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ringproxy::proxy {

// One message in the words of both protocols, which differ in their first byte. Valid for a call.
class ChannelMessage {
 public:
  // `resp2`: as a node has said it. `scratch` outlives it.
  ChannelMessage(std::string_view resp2, std::string* scratch) : resp2_(resp2), scratch_(scratch) { scratch_->clear(); }

  std::string_view In(uint8_t protocol) const {
    if (protocol == 2) return resp2_;
    // Made once for all who read it.
    if (scratch_->empty()) scratch_->assign(resp2_).front() = '>';
    return *scratch_;
  }

 private:
  std::string_view resp2_;
  std::string* scratch_;
};

class MessageSink {
 public:
  // `session`: its number. It may end its subscriptions before this returns.
  virtual void OnMessage(uint32_t session, const ChannelMessage& message) = 0;
  // Whole lines of a monitor's. It may end before this returns.
  virtual void OnLines(uint32_t session, std::string_view lines) = 0;
  // What it listens to may be published without it, and it shall know.
  virtual void OnGap(uint32_t session) = 0;

 protected:
  ~MessageSink() = default;
};

}  // namespace ringproxy::proxy
