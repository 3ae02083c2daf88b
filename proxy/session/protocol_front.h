// proxy/session/protocol_front.h – What of a client's connection belongs to its protocol.
//
// Purpose: frames one request after the other and either answers it without a node or hands it on. A front knows no
// socket and does not end a connection itself: it says what shall become of it. Threads: its worker's. Lifetime: its
// session's, and so is all that it works with.
#pragma once

#include "backends/net/input_buffer.h"
#include "proxy/session/client_io.h"
#include "proxy/session/client_requests.h"

namespace ringproxy::proxy {

class ProtocolFront {
 public:
  struct ClientParts {
    ClientIo& io;
    ListenerContext& listener;
    net::InputBuffer& input;
    ClientState& client;
    ClientRequests& requests;
  };
  enum class FrontStep : uint8_t {
    kNext,          // One request, or what was none, is dealt with; the next may be looked at.
    kPause,         // Likewise, but no other may be looked at before the session has asked whether it may.
    kWait,          // Likewise; it may take any time.
    kHold,          // None: CLIENT PAUSE holds the next one, which stays unread.
    kNeedMore,      // The input holds no whole request.
    kFinish,        // No more requests are taken; the connection ends when the replies under way are delivered.
    kClose,         // The connection ends now, without a word.
    kSpeaksBinary,  // None: the client speaks memcached's binary protocol, and needs the front for it.
  };

  explicit ProtocolFront(const ClientParts& parts) : parts_(parts) {}
  ProtocolFront(const ProtocolFront&) = delete;
  ProtocolFront& operator=(const ProtocolFront&) = delete;
  virtual ~ProtocolFront() = default;

  // Frames one request of the input, which is not empty, and handles it.
  virtual FrontStep ProcessOne() = 0;
  // The least size of the request that is half read, 0 if none is.
  virtual size_t bytes_needed() const = 0;
  // The connection closes: memory for half a request goes back.
  virtual void ForgetHalfRead() {}
  // There is no memory for the rest of the request that is half read: it is refused, and not read any further.
  virtual FrontStep RefuseHalfRead() = 0;

 protected:
  ClientIo& io() { return parts_.io; }
  ListenerContext& listener() { return parts_.listener; }
  net::InputBuffer& input() { return parts_.input; }
  ClientState& client() { return parts_.client; }
  const ClientState& client() const { return parts_.client; }
  ClientRequests& requests() { return parts_.requests; }

  // A request was refused for what it is; `command`: the row of its protocol's table.
  void CountRefusal(size_t command, wire::ErrorCode code) {
    parts_.io.Count(code);
    parts_.listener.stats.refusals.Add(command, code);
  }

 private:
  ClientParts parts_;
};

}  // namespace ringproxy::proxy
