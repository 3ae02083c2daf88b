#include "tests/sim/sim_memcache_client.h"

#include <algorithm>
#include <cstdlib>

#include "backends/wire/memcache_reply.h"
#include "tests/sim/sim_base64.h"

namespace ringproxy::sim {
namespace {

constexpr uint64_t kCounterStep = 1'000'000'000;  // Between the first values of two counters, so each names its own.

std::string Block(const std::string& line, const std::string& value) {
  return line + "\r\n" + value + "\r\n";
}

std::string StorageLine(std::string_view command, const std::string& key, const std::string& value) {
  return std::string(command) + " " + key + " 0 0 " + std::to_string(value.size());
}

bool OneOf(std::string_view reply, std::initializer_list<std::string_view> lines) {
  return std::ranges::find(lines, reply) != lines.end();
}

}  // namespace

SimMemcacheClient::SimMemcacheClient(SimLoop& loop, uint32_t number, Consistency consistency)
    : SimClient(loop, number, consistency, std::make_unique<wire::MemcacheReplyFramer>()) {}

bool SimMemcacheClient::IsNodeFailure(std::string_view reply) const {
  return OneOf(reply, {"SERVER_ERROR node down\r\n", "SERVER_ERROR timeout\r\n", "SERVER_ERROR node overloaded\r\n",
                       "SERVER_ERROR rate limited\r\n"}) ||
         reply.starts_with("SERVER_ERROR out of memory");
}

void SimMemcacheClient::SendQuit(std::string* out) {
  *out += "quit\r\n";  // Without a reply (semantics.md 11).
}

void SimMemcacheClient::SendRandomCommand(std::string* out) {
  using Sender = void (SimMemcacheClient::*)(std::string*);
  static constexpr Sender kSenders[] = {
      &SimMemcacheClient::SendSet,     &SimMemcacheClient::SendSet,        &SimMemcacheClient::SendGet,
      &SimMemcacheClient::SendGet,     &SimMemcacheClient::SendChange,     &SimMemcacheClient::SendCas,
      &SimMemcacheClient::SendCounter, &SimMemcacheClient::SendNoreply,    &SimMemcacheClient::SendMeta,
      &SimMemcacheClient::SendMeta,    &SimMemcacheClient::SendQuietGroup, &SimMemcacheClient::SendAdmin,
      &SimMemcacheClient::SendRefused,
  };
  (this->*kSenders[loop().Random(std::size(kSenders))])(out);
}

void SimMemcacheClient::SendSet(std::string* out) {
  const std::string key = RandomKey();
  const std::string value = RandomValue(key);
  Expect(Block(StorageLine("set", key, value), value),
         OrLost(key,
                [this, key, value](auto reply) {
                  own().Holds(key, value);
                  return reply == "STORED\r\n";
                }),
         out);
}

// Values of these keys in their order (semantics.md 9), some of them missing; each value is its key's.
bool SimMemcacheClient::AnswersGet(std::string_view reply, const std::vector<std::string>& keys) {
  wire::ValueReader values(reply);
  for (const std::string& key : keys) {
    const auto& value = values.Peek();
    if (!value || value->key != key) {
      if (!own().MayHold(key, std::nullopt)) return false;
      continue;
    }
    const std::string_view data = value->data.substr(2, value->data.size() - 4);
    if (!data.starts_with(key + "=") || !own().MayHold(key, data)) return false;
    if (!value->cas.empty()) tokens_[key] = value->cas;
    values.Advance();
  }
  return !values.Peek() && values.last_line() == "END\r\n";
}

void SimMemcacheClient::SendGet(std::string* out) {
  static constexpr std::string_view kCommands[] = {"get", "get", "gets", "gat 0", "gats 0"};
  std::string line(kCommands[loop().Random(std::size(kCommands))]);
  std::vector<std::string> keys;
  for (size_t i = 1 + (loop().Chance(0.4) ? 0 : loop().Random(12)); i > 0; --i) {
    const bool again = !keys.empty() && loop().Chance(0.2);
    keys.push_back(again ? keys[loop().Random(keys.size())] : RandomKey());
    line += " " + keys.back();
  }
  Expect(line + "\r\n", OrFailure([this, keys](auto reply) { return AnswersGet(reply, keys); }), out);
}

void SimMemcacheClient::SendChange(std::string* out) {
  const std::string key = RandomKey();
  if (loop().Chance(0.3)) {
    return Expect("touch " + key + " 0\r\n", OrFailure([this, key](auto reply) {
                    return reply == "TOUCHED\r\n" ? own().MayExist(key)
                                                  : reply == "NOT_FOUND\r\n" && own().MayHold(key, std::nullopt);
                  }),
                  out);
  }
  Expect("delete " + key + "\r\n",
         OrLost(key,
                [this, key](auto reply) {
                  const bool right = reply == "DELETED\r\n"
                                         ? own().MayExist(key)
                                         : reply == "NOT_FOUND\r\n" && own().MayHold(key, std::nullopt);
                  own().Gone(key);
                  return right;
                }),
         out);
}

// With the last token that it has seen of a key; whether that is one of this key's node is for the node to say.
void SimMemcacheClient::SendCas(std::string* out) {
  if (tokens_.empty()) return SendGet(out);
  const auto token = std::next(tokens_.begin(), static_cast<ptrdiff_t>(loop().Random(tokens_.size())));
  const std::string key = token->first;
  const std::string value = RandomValue(key);
  if (loop().Chance(0.5)) {
    const Echo echo = RandomEcho(key);
    const std::string line = "ms " + echo.sent_key + " " + std::to_string(value.size()) + " C" + token->second;
    return Expect(Block(line + echo.flags, value),
                  OrLost(key,
                         [this, echo, value](auto reply) {
                           const auto meta = ReadMeta(reply, echo);
                           if (meta && meta->code == "HD") own().Holds(echo.key, value);
                           return meta && OneOf(meta->code, {"HD", "EX", "NF"});
                         }),
                  out);
  }
  Expect(Block(StorageLine("cas", key, value) + " " + token->second, value),
         OrLost(key,
                [this, key, value](auto reply) {
                  if (reply == "STORED\r\n") own().Holds(key, value);
                  return OneOf(reply, {"STORED\r\n", "EXISTS\r\n", "NOT_FOUND\r\n"});
                }),
         out);
}

void SimMemcacheClient::SendCounter(std::string* out) {
  const uint64_t number = 1 + loop().Random(20);
  const std::string key = "count:" + std::to_string(number);
  const auto own_count = [number](std::string_view text) {
    return std::strtoull(std::string(text).c_str(), nullptr, 10) / kCounterStep == number;
  };
  switch (loop().Random(3)) {
    case 0: {
      const std::string value = std::to_string(number * kCounterStep);
      return Expect(Block(StorageLine("add", key, value), value), OrFailure([](auto reply) {
                      return OneOf(reply, {"STORED\r\n", "NOT_STORED\r\n"});
                    }),
                    out);
    }
    case 1:
      return Expect("incr " + key + " 1\r\n",
                    OrFailure([own_count](auto reply) { return reply == "NOT_FOUND\r\n" || own_count(reply); }), out);
    default: {
      const Echo echo = RandomEcho(key);
      return Expect("ma " + echo.sent_key + " v" + echo.flags + "\r\n", OrFailure([=, this](auto reply) {
                      const auto meta = ReadMeta(reply, echo);
                      return meta && (meta->code == "NF" || (meta->code == "VA" && own_count(meta->data)));
                    }),
                    out);
    }
  }
}

void SimMemcacheClient::SendNoreply(std::string* out) {
  const std::string key = SharedKey();
  const std::string value = RandomValue(key);
  switch (loop().Random(5)) {
    case 0: *out += "delete " + key + " noreply\r\n"; return;
    case 1: *out += "touch " + key + " 0 noreply\r\n"; return;
    case 2: *out += "incr count:1 1 noreply\r\n"; return;
    case 3: *out += "verbosity 1 noreply\r\n"; return;
    default: *out += Block(StorageLine("set", key, value) + " noreply", value);
  }
}

SimMemcacheClient::Echo SimMemcacheClient::RandomEcho(const std::string& key) {
  Echo echo{.key = key, .sent_key = key, .flags = {}, .returned = {}};
  const std::string opaque = " O" + std::to_string(next_opaque_++);
  const bool in_base64 = loop().Chance(0.3);
  if (in_base64) {
    echo.sent_key = EncodeBase64(key);
    echo.flags = " b";
  }
  echo.flags += " k" + opaque;
  echo.returned = " k" + echo.sent_key + (in_base64 ? " b" : "") + opaque;
  return echo;
}

std::optional<SimMemcacheClient::MetaReply> SimMemcacheClient::ReadMeta(std::string_view reply, const Echo& echo) {
  std::string_view data = reply;
  std::string_view line = wire::TakeLine(&data);
  MetaReply meta;
  meta.code = wire::TakeWord(&line);
  if (meta.code == "VA") wire::TakeWord(&line);
  std::string returned;
  for (std::string_view word = wire::TakeWord(&line); !word.empty(); word = wire::TakeWord(&line)) {
    if (word.front() == 'c') {
      if (word != "c0") tokens_[echo.key] = word.substr(1);  // Zero: nothing was carried out.
    } else {
      returned.append(" ").append(word);
    }
  }
  if (returned != echo.returned) return std::nullopt;
  if (!data.empty()) meta.data = data.substr(0, data.size() - 2);
  return meta;
}

bool SimMemcacheClient::IsHit(std::string_view reply, const Echo& echo) {
  const auto meta = ReadMeta(reply, echo);
  return meta && meta->code == "VA" && meta->data.starts_with(echo.key + "=") && own().MayHold(echo.key, meta->data);
}

void SimMemcacheClient::SendMeta(std::string* out) {
  const Echo echo = RandomEcho(RandomKey());
  const std::string flags = std::string(loop().Chance(0.3) ? " c" : "") + echo.flags;
  if (loop().Chance(0.5)) {
    return Expect("mg " + echo.sent_key + " v" + flags + "\r\n", OrFailure([this, echo](auto reply) {
                    const auto meta = ReadMeta(reply, echo);
                    if (meta && meta->code == "EN") return own().MayHold(echo.key, std::nullopt);
                    return IsHit(reply, echo);
                  }),
                  out);
  }
  const std::string value = RandomValue(echo.key);
  Expect(Block("ms " + echo.sent_key + " " + std::to_string(value.size()) + flags, value),
         OrLost(echo.key,
                [this, echo, value](auto reply) {
                  own().Holds(echo.key, value);
                  const auto meta = ReadMeta(reply, echo);
                  return meta && meta->code == "HD";
                }),
         out);
}

void SimMemcacheClient::SendQuietGroup(std::string* out) {
  for (size_t i = 1 + loop().Random(6); i > 0; --i) {
    if (loop().Chance(0.4)) {
      SendQuietWrite(out);
      continue;
    }
    const Echo echo = RandomEcho(RandomKey());
    ExpectPerhaps(
        "mg " + echo.sent_key + " v q" + echo.flags + "\r\n", [this, echo](auto reply) { return IsHit(reply, echo); },
        [this, echo](bool) { return own().MayHold(echo.key, std::nullopt); }, out);
  }
  Expect(
      "mn\r\n", [](auto reply) { return reply == "MN\r\n"; }, out);
}

void SimMemcacheClient::SendQuietWrite(std::string* out) {
  const Echo echo = RandomEcho(RandomKey());
  const std::string key = echo.key;
  switch (loop().Random(3)) {
    case 0:
      return ExpectPerhaps(
          "md " + echo.sent_key + " q" + echo.flags + "\r\n",
          [this, echo](auto reply) {
            const auto meta = ReadMeta(reply, echo);
            return meta && meta->code == "NF" && own().MayHold(echo.key, std::nullopt);
          },
          [this, key](bool any_failed) {
            const bool right = own().MayExist(key);
            any_failed ? own().Unknown(key) : own().Gone(key);
            return right;
          },
          out);
    case 1: {
      const Echo count = RandomEcho("count:" + std::to_string(1 + loop().Random(20)));
      return ExpectPerhaps(
          "ma " + count.sent_key + " v q" + count.flags + "\r\n",
          [this, count](auto reply) {
            const auto meta = ReadMeta(reply, count);
            return meta && meta->code == "NF";
          },
          [](bool) { return true; }, out);
    }
    default: {
      const std::string value = RandomValue(key);
      ExpectPerhaps(
          Block("ms " + echo.sent_key + " " + std::to_string(value.size()) + " q" + echo.flags, value),
          [](std::string_view) { return false; },
          [this, key, value](bool any_failed) {
            any_failed ? own().Unknown(key) : own().Holds(key, value);
            return true;
          },
          out);
    }
  }
}

void SimMemcacheClient::SendAdmin(std::string* out) {
  // The pool may have no node that answers.
  const auto or_none = [this](Check check) {
    return OrFailure([this, check = std::move(check)](std::string_view reply) {
      return (reply == "SERVER_ERROR no usable node\r\n" && !all_is_well()) || check(reply);
    });
  };
  switch (loop().Random(3)) {
    case 0: return Expect("version\r\n", or_none([](auto reply) { return reply == "VERSION 1.6.18\r\n"; }), out);
    case 1: return Expect("verbosity 1\r\n", OrFailure([](auto reply) { return reply == "OK\r\n"; }), out);
    default:
      return Expect("stats\r\n", OrFailure([](auto reply) {
                      return reply.starts_with("STAT curr_items ") && reply.ends_with("END\r\n");
                    }),
                    out);
  }
}

void SimMemcacheClient::SendRefused(std::string* out) {
  const auto expect = [&](std::string request, std::string_view line) {
    Expect(
        std::move(request), [line](auto reply) { return reply == line; }, out);
  };
  // Whoever reads the block as commands answers too much.
  std::string commands;
  for (size_t i = 1 + loop().Random(30); i > 0; --i) commands += "get key:1\r\nnonsense\r\n";
  switch (loop().Random(5)) {
    case 0: return expect("nonsense\r\n", "ERROR\r\n");
    case 1: return expect("get " + std::string(251, 'k') + "\r\n", "CLIENT_ERROR bad command line format\r\n");
    case 2:
      return expect(Block(StorageLine("set", std::string(251, 'k'), commands), commands),
                    "CLIENT_ERROR bad command line format\r\n");
    case 3:
      return expect(
          "shutdown\r\n",
          "CLIENT_ERROR shutdown is not supported by ringproxy: it would end all nodes at once: stop them one "
          "by one, where they run\r\n");
    default:
      if (loop().Chance(0.7)) return expect("\r\n", "ERROR\r\n");  // So long a block is to be rare.
      while (commands.size() <= kLargestValue) commands += commands;
      // The node is asked to drop the item that it was to replace, and may fail.
      return Expect(Block(StorageLine("set", SharedKey(), commands), commands),
                    OrFailure([](auto reply) { return reply == "SERVER_ERROR object too large for cache\r\n"; }), out);
  }
}

}  // namespace ringproxy::sim
