#include "conf/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "conf/quote.h"

namespace ringproxy::conf {

namespace {

constexpr std::string_view kUnixPrefix = "unix:";
// The kernel's field, less the closing NUL.
constexpr size_t kLongestUnixPath = sizeof(sockaddr_un::sun_path) - 1;
// Of a name in the DNS, without the dot that may end it, and of each part.
constexpr size_t kLongestHost = 253;
constexpr size_t kLongestLabel = 63;

Problem Wrong(std::string_view text, std::string_view why) {
  return Problem{Quote(text) + " " + std::string(why)};
}

bool IsIpv4(const std::string& host) {
  in_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

// What the kernel calls an interface, or its number. Whether there is such a one the resolver knows.
bool IsZone(std::string_view zone) {
  const auto allowed = [](char c) { return c > ' ' && c <= '~' && c != '/' && c != ':' && c != '%'; };
  return !zone.empty() && zone.size() < IF_NAMESIZE && std::ranges::all_of(zone, allowed);
}

bool IsIpv6(const std::string& host) {
  in6_addr address{};
  const size_t zone = host.find('%');
  if (zone != host.npos && !IsZone(std::string_view(host).substr(zone + 1))) return false;
  return inet_pton(AF_INET6, host.substr(0, zone).c_str(), &address) == 1;
}

// An underscore is no character of a host name by RFC 1123, yet services in container networks are called so.
bool IsHostName(std::string_view host) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  // It keeps search domains from being tried.
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.empty() || host.size() > kLongestHost || host.front() == '-') return false;
  for (size_t begin = 0; begin <= host.size();) {
    const size_t end = std::min(host.find('.', begin), host.size());
    const std::string_view label = host.substr(begin, end - begin);
    if (label.empty() || label.size() > kLongestLabel || !std::ranges::all_of(label, allowed)) return false;
    begin = end + 1;
  }
  return true;
}

// No name server is asked for it.
bool IsLocalhost(std::string_view host) {
  constexpr std::string_view kName = "localhost";
  if (host.ends_with('.')) host.remove_suffix(1);
  return std::ranges::equal(host, kName,
                            [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b; });
}

Result<Address, Problem> ParseUnix(std::string_view text) {
  const std::string_view path = text.substr(kUnixPrefix.size());
  if (path.empty()) return Wrong(text, "lacks the path of the socket");
  if (path.size() > kLongestUnixPath) {
    return Problem{"the socket's path has " + std::to_string(path.size()) + " bytes, the most is " +
                   std::to_string(kLongestUnixPath)};
  }
  // The path stands in log lines, where a line break would forge another line, and the kernel stops at a NUL.
  const auto control = [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; };
  if (std::any_of(path.begin(), path.end(), control)) return Wrong(text, "has a control character");
  return Address{"", 0, std::string(path)};
}

Result<uint16_t, Problem> ParsePort(std::string_view digits, std::string_view text) {
  uint16_t port = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (code == std::errc::result_out_of_range) return Wrong(text, "has a port above 65535");
  if (digits.empty() || code != std::errc() || end != digits.data() + digits.size()) {
    return Wrong(text, "lacks a port, as in 127.0.0.1:6380");
  }
  return port;
}

// The loopback addresses that a connection to `host` may go to, in one spelling each. A wildcard stands for the
// loopback of its family there.
std::vector<std::string> LoopbacksOf(const std::string& host) {
  constexpr std::string_view kMapped = "::ffff:";
  if (IsLocalhost(host)) return {"127.0.0.1", "::1"};
  in_addr four{};
  const std::string plain = host.starts_with(kMapped) ? host.substr(kMapped.size()) : host;
  if (inet_pton(AF_INET, plain.c_str(), &four) == 1) {
    const uint32_t address = ntohl(four.s_addr);
    if (address == INADDR_ANY) return {"127.0.0.1"};
    return address >> 24 == 127 ? std::vector<std::string>{plain} : std::vector<std::string>();
  }
  in6_addr six{};
  if (inet_pton(AF_INET6, host.c_str(), &six) != 1) return {};
  const bool here = IN6_IS_ADDR_LOOPBACK(&six) || IN6_IS_ADDR_UNSPECIFIED(&six);
  return here ? std::vector<std::string>{"::1"} : std::vector<std::string>();
}

// A socket there takes connections to this loopback address.
bool Takes(const std::string& listening_host, const std::string& loopback) {
  const bool six = loopback.find(':') != std::string::npos;
  in_addr four{};
  in6_addr any{};
  if (inet_pton(AF_INET, listening_host.c_str(), &four) == 1 && four.s_addr == htonl(INADDR_ANY)) return !six;
  // It takes IPv4 too, unless the system or a listener beside it keeps that apart.
  if (inet_pton(AF_INET6, listening_host.c_str(), &any) == 1 && IN6_IS_ADDR_UNSPECIFIED(&any)) return true;
  const std::vector<std::string> own = LoopbacksOf(listening_host);
  return std::ranges::find(own, loopback) != own.end();
}

}  // namespace

std::string Address::ToString() const {
  if (is_unix()) return std::string(kUnixPrefix) + unix_path;
  // Without brackets the port would read as one more group of the IPv6 address.
  const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return shown + ":" + std::to_string(port);
}

Result<Address, Problem> ParseAddress(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) return ParseUnix(text);
  if (text.starts_with('/')) return Wrong(text, "is a path; a Unix socket is written unix:/path");
  // No character of a host. What stands before it is a login, whose password must not come to stand in a log.
  if (const size_t at = text.rfind('@'); at != std::string_view::npos) {
    return Wrong(text.substr(at), "stands behind a login, which is no part of an address; see auth.password_file");
  }
  // The last one, for an IPv6 address has more of them.
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Wrong(text, "lacks a port, as in 127.0.0.1:6380");
  std::string host(text.substr(0, colon));
  if (host.empty()) return Wrong(text, "lacks a host; every interface is " + Quote("0.0.0.0" + std::string(text)));
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
    if (!IsIpv6(host)) return Wrong(text, "has no IPv6 address between its brackets");
  } else if (IsIpv6(host)) {
    return Wrong(text, "is an IPv6 address without brackets, as in [::1]:6380");
  } else if (host.find_first_not_of("0123456789.") == std::string::npos ? !IsIpv4(host) : !IsHostName(host)) {
    // Digits and dots alone are meant as an IPv4 address: taken for a name, 10.0.0.256 fails in the resolver only.
    return Wrong(text, "has no valid host name or IP address");
  }
  const Result<uint16_t, Problem> port = ParsePort(text.substr(colon + 1), text);
  if (!port) return port.errors();
  return Address{std::move(host), *port, ""};
}

bool IsLoopback(const Address& address) {
  if (address.is_unix()) return true;
  if (IsLocalhost(address.host) || address.host == "::1") return true;
  // 127.example.org is a name, and may lead anywhere.
  return IsIpv4(address.host) && address.host.starts_with("127.");
}

bool Collide(const Address& a, const Address& b) {
  if (a.is_unix() || b.is_unix()) return a.unix_path == b.unix_path;
  if (a.port != b.port || a.port == 0) return false;
  if (a.host == b.host) return true;
  const bool six = a.host.find(':') != std::string::npos;
  // Whether :: takes IPv4 too is for the system to say, so only what must fail within one family counts.
  if (six != (b.host.find(':') != std::string::npos)) return false;
  const std::string_view wildcard = six ? "::" : "0.0.0.0";
  return a.host == wildcard || b.host == wildcard;
}

bool Reaches(const Address& node, const Address& listen) {
  if (node.is_unix() || listen.is_unix()) return node.unix_path == listen.unix_path;
  if (node.port != listen.port || node.port == 0) return false;
  if (node.host == listen.host) return true;
  return std::ranges::any_of(LoopbacksOf(node.host),
                             [&](const std::string& loopback) { return Takes(listen.host, loopback); });
}

}  // namespace ringproxy::conf
