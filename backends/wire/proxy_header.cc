#include "backends/wire/proxy_header.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace ringproxy::wire {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kTextSign = "PROXY ";
constexpr size_t kMostText = 107;
constexpr std::string_view kBinarySign = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr size_t kBinaryStart = 16;  // The bytes before the addresses.

// One of them begins as the other: the bytes are too few to tell, or are not what is expected.
bool BeginAlike(std::string_view bytes, std::string_view sign) {
  const size_t size = std::min(bytes.size(), sign.size());
  return bytes.substr(0, size) == sign.substr(0, size);
}

std::string HostAndPort(int family, const std::string& host, uint64_t port) {
  return (family == AF_INET6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

// `address` is in the order of the network.
std::string HostText(int family, const char* address) {
  char host[INET6_ADDRSTRLEN] = "";
  inet_ntop(family, address, host, sizeof host);
  return host;
}

// The host in the spelling that addresses of sockets have.
std::optional<std::string> ReadHost(int family, std::string_view text) {
  // inet_pton would read no further than a NUL.
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  char address[sizeof(in6_addr)];
  if (inet_pton(family, std::string(text).c_str(), address) != 1) return std::nullopt;
  return HostText(family, address);
}

std::optional<uint16_t> ReadPort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return port;
}

// What stands between "PROXY " and the line's end (2.1); false: it is wrong.
bool ReadTextWords(std::string_view line, std::string* client) {
  constexpr std::string_view kUnknown = "UNKNOWN";
  if (line == kUnknown || line.starts_with("UNKNOWN ")) return true;
  std::array<std::string_view, 5> words;  // The family, two hosts, two ports.
  for (size_t i = 0; i < words.size(); ++i) {
    const size_t end = line.find(' ');
    if ((end == std::string_view::npos) != (i == words.size() - 1)) return false;
    words[i] = line.substr(0, end);
    line.remove_prefix(std::min(line.size(), words[i].size() + 1));
  }
  if (words[0] != "TCP4" && words[0] != "TCP6") return false;
  const int family = words[0] == "TCP4" ? AF_INET : AF_INET6;
  const auto host = ReadHost(family, words[1]);
  const auto port = ReadPort(words[3]);
  if (!host || !port || !ReadHost(family, words[2]) || !ReadPort(words[4])) return false;
  *client = HostAndPort(family, *host, *port);
  return true;
}

ProxyHeaderStatus ReadText(std::string_view bytes, ProxyHeader* header) {
  const size_t end = bytes.find_first_of("\r\n"sv);
  const size_t size = std::min(end, bytes.size()) + 2;
  if (size > kMostText) return ProxyHeaderStatus::kBad;
  if (end == std::string_view::npos) return ProxyHeaderStatus::kNeedMore;
  if (!BeginAlike(bytes.substr(end), "\r\n")) return ProxyHeaderStatus::kBad;
  if (bytes.size() < size) return ProxyHeaderStatus::kNeedMore;
  *header = {size, {}};
  const std::string_view words = bytes.substr(kTextSign.size(), end - kTextSign.size());
  return ReadTextWords(words, &header->client) ? ProxyHeaderStatus::kWhole : ProxyHeaderStatus::kBad;
}

uint8_t ByteAt(std::string_view bytes, size_t place) {
  return static_cast<uint8_t>(bytes[place]);
}
uint16_t ShortAt(std::string_view bytes, size_t place) {
  return static_cast<uint16_t>(ByteAt(bytes, place) << 8 | ByteAt(bytes, place + 1));
}

// The two addresses and two ports; false: they are not all there.
bool ReadBinaryAddresses(int family, std::string_view addresses, std::string* client) {
  const size_t host_bytes = family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr);
  if (addresses.size() < 2 * host_bytes + 2 * sizeof(uint16_t)) return false;
  *client = HostAndPort(family, HostText(family, addresses.data()), ShortAt(addresses, 2 * host_bytes));
  return true;
}

ProxyHeaderStatus ReadBinary(std::string_view bytes, ProxyHeader* header) {
  // The version and the command, the family and the protocol: 2.2.
  constexpr uint8_t kLocal = 0x20, kProxied = 0x21, kTcp4 = 0x11, kTcp6 = 0x21;
  constexpr uint8_t kFamilies = 0x30, kProtocols = 0x02;
  constexpr size_t kCommand = kBinarySign.size(), kFamily = kCommand + 1, kSize = kFamily + 1;
  if (bytes.size() <= kCommand) return ProxyHeaderStatus::kNeedMore;
  const uint8_t command = ByteAt(bytes, kCommand);
  if (command != kLocal && command != kProxied) return ProxyHeaderStatus::kBad;
  if (bytes.size() < kBinaryStart) return ProxyHeaderStatus::kNeedMore;
  const size_t size = kBinaryStart + ShortAt(bytes, kSize);
  if (size > kMostProxyHeader) return ProxyHeaderStatus::kBad;
  if (bytes.size() < size) return ProxyHeaderStatus::kNeedMore;
  *header = {size, {}};
  // What a proxy asks for itself has no client, whatever stands there.
  if (command == kLocal) return ProxyHeaderStatus::kWhole;
  const uint8_t family = ByteAt(bytes, kFamily);
  if ((family & 0xf0) > kFamilies || (family & 0x0f) > kProtocols) return ProxyHeaderStatus::kBad;
  // Of datagrams and Unix sockets nobody can be a client here: they count as not known. More than the addresses may
  // follow, which nobody reads.
  if (family != kTcp4 && family != kTcp6) return ProxyHeaderStatus::kWhole;
  const std::string_view addresses = bytes.substr(kBinaryStart, size - kBinaryStart);
  const bool is_right = ReadBinaryAddresses(family == kTcp4 ? AF_INET : AF_INET6, addresses, &header->client);
  return is_right ? ProxyHeaderStatus::kWhole : ProxyHeaderStatus::kBad;
}

}  // namespace

ProxyHeaderStatus ReadProxyHeader(std::string_view bytes, ProxyHeader* header) {
  if (bytes.empty()) return ProxyHeaderStatus::kNeedMore;
  if (BeginAlike(bytes, kTextSign)) return ReadText(bytes, header);
  return BeginAlike(bytes, kBinarySign) ? ReadBinary(bytes, header) : ProxyHeaderStatus::kBad;
}

}  // namespace ringproxy::wire
