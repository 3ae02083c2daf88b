#include "conf/cidr.h"

#include <arpa/inet.h>

#include <algorithm>

#include "conf/quote.h"
#include "conf/units.h"

namespace ringproxy::conf {

namespace {

constexpr std::array<uint8_t, 12> kMappedV4 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr uint8_t kBits = 128;
constexpr uint8_t kMappedBits = 8 * kMappedV4.size();

Problem NotACidr(std::string_view text) {
  return Problem{Quote(text) + " is no IP address or network, as in 10.1.2.3, 10.0.0.0/8 or 2001:db8::/32"};
}

// `address` without its bits beyond the mask.
IpAddress Masked(IpAddress address, uint8_t bits) {
  for (size_t i = 0; i < address.bytes.size(); ++i) {
    // How many bits of this byte the mask keeps: all, none, or the part in which it ends.
    const size_t kept = std::clamp<size_t>(bits, 8 * i, 8 * i + 8) - 8 * i;
    address.bytes[i] &= static_cast<uint8_t>(0xff00 >> kept);
  }
  return address;
}

}  // namespace

bool IpAddress::is_v4() const {
  // ::ffff:10.1.2.3 counts as IPv4 however it was written: a socket of both families shows its IPv4 clients like that.
  return std::equal(kMappedV4.begin(), kMappedV4.end(), bytes.begin());
}

std::optional<IpAddress> ParseIp(std::string_view text) {
  const std::string copy(text);
  // inet_pton would read no further than a NUL.
  if (copy.find('\0') != std::string::npos) return std::nullopt;
  IpAddress address;
  if (inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
  std::copy(kMappedV4.begin(), kMappedV4.end(), address.bytes.begin());
  if (inet_pton(AF_INET, copy.c_str(), address.bytes.data() + kMappedV4.size()) != 1) return std::nullopt;
  return address;
}

Result<Cidr, Problem> ParseCidr(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const std::optional<IpAddress> base = ParseIp(host);
  if (!base) return NotACidr(text);
  if (slash == std::string_view::npos) return Cidr{*base, kBits};
  // ::ffff:10.0.0.0/104 has colons, and so the mask of IPv6.
  const uint8_t family = host.find(':') == std::string_view::npos ? kMappedBits : 0;
  const Result<uint64_t, Problem> mask = ParseCount(text.substr(slash + 1));
  if (!mask) return NotACidr(text);
  const uint64_t most = kBits - family;
  if (*mask > most) {
    return Problem{Quote(text) + " has a mask of " + std::to_string(*mask) + " bits, the most is " +
                   std::to_string(most)};
  }
  const Cidr cidr{*base, static_cast<uint8_t>(family + *mask)};
  const IpAddress right = Masked(*base, cidr.bits);
  if (right == *base) return cidr;
  return Problem{Quote(text) + " has bits set beyond its mask; the network is " + ToString(right) + "/" +
                 std::to_string(*mask)};
}

std::vector<Cidr> CidrsOf(const std::vector<std::string>& words) {
  std::vector<Cidr> cidrs;
  for (const std::string& word : words) cidrs.push_back(*ParseCidr(word));
  return cidrs;
}

std::string ToString(const IpAddress& address) {
  char text[INET6_ADDRSTRLEN];
  const bool v4 = address.is_v4();
  inet_ntop(v4 ? AF_INET : AF_INET6, address.bytes.data() + (v4 ? kMappedV4.size() : 0), text, sizeof(text));
  return text;
}

}  // namespace ringproxy::conf
