// tests/backends/wire/binary_packets.h – Packets of memcached's binary protocol for tests, written by other code than
// the proxy's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ringproxy::test {

struct Packet {
  uint8_t opcode = 0;
  std::string key = {};
  std::string extras = {};
  std::string value = {};
  uint32_t opaque = 0;
  uint64_t cas = 0;
  uint16_t status = 0;
  std::optional<uint32_t> body = std::nullopt;  // Instead of what it is.
};

inline std::string BigEndian(uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text.push_back(static_cast<char>(value >> (8 * i)));
  return text;
}

inline std::string PacketOf(char magic, const Packet& packet) {
  const uint64_t body = packet.body.value_or(packet.extras.size() + packet.key.size() + packet.value.size());
  return std::string(1, magic) + static_cast<char>(packet.opcode) + BigEndian(packet.key.size(), 2) +
         BigEndian(packet.extras.size(), 1) + std::string(1, '\0') + BigEndian(packet.status, 2) + BigEndian(body, 4) +
         BigEndian(packet.opaque, 4) + BigEndian(packet.cas, 8) + packet.extras + packet.key + packet.value;
}
inline std::string BinaryAsked(const Packet& packet) {
  return PacketOf('\x80', packet);
}
inline std::string BinaryTold(const Packet& packet) {
  return PacketOf('\x81', packet);
}

}  // namespace ringproxy::test
