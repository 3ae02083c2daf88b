// conf/cidr.h – IP addresses and networks as numbers, for rules about clients.
//
// Purpose: `10.1.2.3`, `2001:db8::1`, `10.0.0.0/8`. IPv4 is kept as v4-mapped IPv6 (::ffff:10.1.2.3), as sockets that
// serve both families show it, so that there is one kind of address and one comparison. It follows that ::/0 is every
// address and 0.0.0.0/0 those of IPv4.
// Promise: ParseIp(ToString(a)) == a for every address.
// Threads: pure functions; Contains is for the way of each request.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/result.h"

namespace ringproxy::conf {

struct IpAddress {
  std::array<uint8_t, 16> bytes{};  // In the order of the network.

  bool is_v4() const;
  bool operator==(const IpAddress&) const = default;
};

struct Cidr {
  IpAddress base;
  uint8_t bits = 0;  // Of the sixteen bytes: 104 for an IPv4 /8.

  bool Contains(const IpAddress& address) const {
    const size_t whole = bits / 8;
    if (std::memcmp(base.bytes.data(), address.bytes.data(), whole) != 0) return false;
    const int rest = bits % 8;
    return rest == 0 || (base.bytes[whole] ^ address.bytes[whole]) >> (8 - rest) == 0;
  }
  bool operator==(const Cidr&) const = default;
};

// No port, no zone, no brackets.
std::optional<IpAddress> ParseIp(std::string_view text);

// An address alone is the network that holds it and no other. A base with bits beyond the mask is refused, since it is
// either a wrong base or a wrong mask.
Result<Cidr, Problem> ParseCidr(std::string_view text);

// Requires: each of them is one.
std::vector<Cidr> CidrsOf(const std::vector<std::string>& words);

// 10.1.2.3 for IPv4, also if it was written as IPv6.
std::string ToString(const IpAddress& address);

}  // namespace ringproxy::conf
