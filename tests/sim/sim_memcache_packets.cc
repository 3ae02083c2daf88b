// The binary protocol of a simulated memcached node.
#include <string>

#include "backends/wire/memcache_binary.h"
#include "tests/backends/wire/binary_packets.h"
#include "tests/sim/sim_memcache_node.h"

namespace ringproxy::sim {
namespace {

using wire::BinaryOpcode;
using wire::BinaryStatus;

uint64_t Number(std::string_view bytes) {
  uint64_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

uint16_t StatusOf(BinaryStatus status) {
  return static_cast<uint16_t>(status);
}

}  // namespace

size_t SimMemcacheNode::AnswerPacket(std::string_view input, Speech* speech, std::string* reply) {
  if (input.size() < wire::kBinaryHeaderBytes) return 0;
  const wire::BinaryHeader header = wire::ReadBinaryHeader(input);
  const size_t whole = wire::kBinaryHeaderBytes + header.body_bytes;
  if (input.size() < whole) return 0;
  if (speech->is_plain) speech->is_choosing = true;
  speech->is_greeted = true;
  speech->is_plain = false;
  const std::string_view body = input.substr(wire::kBinaryHeaderBytes, header.body_bytes);
  const std::string key(body.substr(header.extras_bytes, header.key_bytes));
  test::Packet answer{.opcode = header.opcode, .opaque = header.opaque};
  const bool is_ping = static_cast<BinaryOpcode>(header.opcode) == BinaryOpcode::kNoop;
  if (sickness() && (!is_ping || ShowsToPing(*sickness()))) {
    answer.status = StatusOf(BinaryStatus::kInternalError);
    answer.value = std::string(kAskedFor) + key;
    if (!is_ping) CountRequest();
  } else if (!is_ping) {
    CountRequest();
    if (speech->is_choosing) CountWrongRequest();
    CarryOut(header, body, key, &answer);
  }
  *reply += test::BinaryTold(answer);
  return whole;
}

void SimMemcacheNode::CarryOut(const wire::BinaryHeader& header, std::string_view body, const std::string& key,
                               test::Packet* answer) {
  const auto opcode = static_cast<BinaryOpcode>(header.opcode);
  if (opcode == BinaryOpcode::kVersion) {
    answer->value = "1.6.18";
    return;
  }
  CheckKey(key);
  const auto item = data_.find(key);
  const bool exists = item != data_.end();
  if (header.cas != 0) {
    const Match match = Compare(key, std::to_string(header.cas));
    if (match != Match::kSame)
      answer->status = StatusOf(match == Match::kMissing ? BinaryStatus::kNotFound : BinaryStatus::kExists);
    if (match != Match::kSame) return;
  }
  const bool creates = opcode == BinaryOpcode::kSet || opcode == BinaryOpcode::kAdd;
  if (!exists && !creates) {
    answer->status = StatusOf(BinaryStatus::kNotFound);
    return;
  }
  switch (opcode) {
    case BinaryOpcode::kGet:
    case BinaryOpcode::kGetK:
    case BinaryOpcode::kGat:
      answer->extras = std::string(4, '\0');
      if (opcode == BinaryOpcode::kGetK) answer->key = key;
      answer->value = item->second.value;
      break;
    case BinaryOpcode::kAdd:
      answer->status = StatusOf(exists ? BinaryStatus::kExists : BinaryStatus::kSuccess);
      if (exists) return;
      [[fallthrough]];
    case BinaryOpcode::kSet: Put(key, body.substr(header.extras_bytes + header.key_bytes)); break;
    case BinaryOpcode::kIncrement:
      answer->value = test::BigEndian(std::stoull(Add(key, Number(body.substr(0, 8)))), 8);
      break;
    case BinaryOpcode::kDelete: data_.erase(item); return;
    // No quiet form may come here: it would not be answered.
    default:
      CountWrongRequest();
      answer->status = StatusOf(BinaryStatus::kUnknownCommand);
      return;
  }
  answer->cas = std::stoull(GiveToken(key));
}

}  // namespace ringproxy::sim
