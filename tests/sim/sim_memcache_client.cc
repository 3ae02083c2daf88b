#include "tests/sim/sim_memcache_client.h"

#include <algorithm>
#include <vector>

#include "backends/wire/memcache_reply.h"

namespace ringproxy::sim {
namespace {

std::string Block(const std::string& line, const std::string& value) {
  return line + "\r\n" + value + "\r\n";
}

// Values of these keys in their order, some of them missing; each value is its key's.
bool AnswersGet(std::string_view reply, const std::vector<std::string>& keys) {
  wire::ValueReader values(reply);
  for (const std::string& key : keys) {
    const auto& value = values.Peek();
    if (!value || value->key != key) continue;
    if (!value->data.starts_with("\r\n" + key + "=")) return false;
    values.Advance();
  }
  return !values.Peek() && values.last_line() == "END\r\n";
}

bool OneOf(std::string_view reply, std::initializer_list<std::string_view> lines) {
  return std::ranges::find(lines, reply) != lines.end();
}

// The meta reply to a command with this key's flag k and this opaque.
bool AnswersMeta(std::string_view reply, const std::string& key, const std::string& opaque) {
  std::string_view data = reply;
  const std::string_view line = wire::TakeLine(&data);
  const bool own = line.ends_with(" k" + key + " " + opaque);
  return own && (data.empty() || data.starts_with(key + "="));
}

}  // namespace

SimMemcacheClient::SimMemcacheClient(SimLoop& loop, uint32_t number)
    : SimClient(loop, number, std::make_unique<wire::MemcacheReplyFramer>()) {}

bool SimMemcacheClient::IsNodeFailure(std::string_view reply) const {
  return OneOf(reply, {"SERVER_ERROR node down\r\n", "SERVER_ERROR timeout\r\n"});
}

void SimMemcacheClient::SendQuit(std::string* out) {
  *out += "quit\r\n";  // Without a reply (trap 11).
}

void SimMemcacheClient::SendRandomCommand(std::string* out) {
  const std::string key = RandomKey();
  const std::string value = RandomValue(key);
  const std::string set = "set " + key + " 0 0 " + std::to_string(value.size());
  switch (loop().Random(9)) {
    case 0:
    case 1: return Expect(Block(set, value), OrFailure([](auto reply) { return reply == "STORED\r\n"; }), out);
    case 2: *out += Block(set + " noreply", value); return;
    case 3: return SendMultiGet(out);
    case 4:
      return Expect("get " + key + "\r\n", OrFailure([key](auto reply) { return AnswersGet(reply, {key}); }), out);
    case 5:
      return Expect("delete " + key + "\r\n", OrFailure([](auto reply) {
                      return OneOf(reply, {"DELETED\r\n", "NOT_FOUND\r\n"});
                    }),
                    out);
    case 6: return SendMeta(out);
    case 7: return SendQuietGroup(out);
    default:
      return Expect(
          "nonsense\r\n", [](auto reply) { return reply == "ERROR\r\n"; }, out);
  }
}

void SimMemcacheClient::SendMultiGet(std::string* out) {
  std::vector<std::string> keys;
  std::string line = loop().Chance(0.3) ? "gets" : "get";
  for (size_t i = 1 + loop().Random(12); i > 0; --i) {
    keys.push_back(RandomKey());
    line += " " + keys.back();
  }
  Expect(line + "\r\n", OrFailure([keys](auto reply) { return AnswersGet(reply, keys); }), out);
}

void SimMemcacheClient::SendMeta(std::string* out) {
  const std::string key = RandomKey();
  const std::string opaque = "O" + std::to_string(next_opaque_++);
  const std::string flags = std::string(loop().Chance(0.3) ? " c" : "") + " k " + opaque + "\r\n";
  const auto own = [key, opaque](std::string_view reply) {
    // Without the token of c, wherever it stands.
    std::string plain(reply);
    const size_t cas = plain.find(" c");
    if (cas < plain.find('\r')) plain.erase(cas, plain.find(' ', cas + 1) - cas);
    return AnswersMeta(plain, key, opaque);
  };
  if (loop().Chance(0.5)) return Expect("mg " + key + " v" + flags, OrFailure(own), out);
  const std::string value = RandomValue(key);
  Expect(Block("ms " + key + " " + std::to_string(value.size()) + flags.substr(0, flags.size() - 2), value),
         OrFailure(own), out);
}

void SimMemcacheClient::SendQuietGroup(std::string* out) {
  for (size_t i = 1 + loop().Random(6); i > 0; --i) {
    const std::string key = RandomKey();
    const std::string opaque = "O" + std::to_string(next_opaque_++);
    const auto own = [key, opaque](std::string_view reply) { return AnswersMeta(reply, key, opaque); };
    if (loop().Chance(0.7)) {
      // A miss says nothing.
      ExpectPerhaps(
          "mg " + key + " v q k " + opaque + "\r\n",
          [own](auto reply) { return reply.starts_with("VA ") && own(reply); }, out);
    } else {
      ExpectPerhaps(
          "md " + key + " q k " + opaque + "\r\n", [own](auto reply) { return reply.starts_with("NF") && own(reply); },
          out);
    }
  }
  Expect(
      "mn\r\n", [](auto reply) { return reply == "MN\r\n"; }, out);
}

}  // namespace ringproxy::sim
