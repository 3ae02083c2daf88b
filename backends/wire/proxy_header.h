// backends/wire/proxy_header.h – The header by which a proxy before this one says who its client is.
//
// Source: "The PROXY protocol", versions 1 and 2, doc/proxy-protocol.txt of HAProxy; the numbers below are its
// sections. Threads: a pure function. Promise: what it says of some bytes it says of the same bytes with more behind
// them, but for kNeedMore.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ringproxy::wire {

// Of version 2 a header could have 64 KiB; those that are sent fit a segment, and nobody is to hold more than this. One
// of version 1 has 107 bytes at most.
inline constexpr size_t kMostProxyHeader = 4096;

enum class ProxyHeaderStatus : uint8_t { kNeedMore, kWhole, kBad };

struct ProxyHeader {
  size_t size = 0;  // The first byte behind it is the client's own.
  // As sockets' addresses are written, 10.0.0.1:6379 or [::1]:6379. Empty: the connection is the proxy's own, or its
  // client has no such address.
  std::string client;
};

// `bytes`: all that has come so far. `header` is of use after kWhole alone.
ProxyHeaderStatus ReadProxyHeader(std::string_view bytes, ProxyHeader* header);

}  // namespace ringproxy::wire
