#include "tests/sim/sim_redis_node.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "backends/wire/resp_encode.h"
#include "ring/hash.h"

namespace ringproxy::sim {
namespace {

struct Sickness {
  std::string_view error;
  bool shows_to_ping;
  bool refuses_reads;
};
constexpr std::string_view kPush = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n";

constexpr Sickness kSicknesses[] = {{"LOADING", true, true}, {"MASTERDOWN", true, true}, {"OOM", false, false}};

std::string NameOf(const wire::Request& request) {
  std::string name(request.name());
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

}  // namespace

std::string SimRedisNode::Nonsense() {
  static constexpr std::string_view kNonsense[] = {
      "HTTP/1.1 400 Bad Request\r\n\r\n",
      "\x16\x03\x01",
      "$1x\r\n",
      "*9999999999999999\r\n",
      "$3\r\nabcde",
      "STORED\r\n",
  };
  return std::string(kNonsense[loop().Random(std::size(kNonsense))]);
}

bool SimRedisNode::ShowsToPing(uint64_t sickness) const {
  return kSicknesses[sickness % std::size(kSicknesses)].shows_to_ping;
}

size_t SimRedisNode::AnswerFirst(std::string_view input, Speech* speech, std::string* reply) {
  wire::RequestParser parser{wire::Limits{}};
  if (parser.Parse(input) != wire::RequestParser::RespStatus::kRequest) return 0;
  std::string answer = Answer(parser.request(), speech);
  if (!std::exchange(speech->is_greeted, true)) speech->greeted_at = loop().now();
  // As Redis 6 does it: also between the parts of a reply.
  const bool speaks_resp3 = speech->protocol == 3;
  if (speaks_resp3 && loop().Chance(0.02)) *reply += kPush;
  // It waits.
  if (answer.empty()) return parser.size();
  const size_t header = answer.find("\r\n") + 2;
  if (speaks_resp3 && answer.starts_with('*') && header < answer.size() && loop().Chance(0.1))
    answer.insert(header, kPush);
  *reply += answer;
  if (speaks_resp3 && loop().Chance(0.02)) *reply += kPush;
  return parser.size();
}

std::string SimRedisNode::AnswerHello(const wire::Request& request, Speech* speech) {
  const bool asks_resp3 = request.size() > 1 && request[1] == "3";
  if (request.size() > 1) speech->is_plain = false;
  if (asks_resp3) speech->protocol = 3;
  speech->is_choosing = asks_resp3;
  return (speech->protocol == 3 ? "%1\r\n" : "*2\r\n") + std::string("$7\r\nversion\r\n$5\r\n7.0.0\r\n");
}

std::string SimRedisNode::AnswerSelect(const wire::Request& request, Speech* speech) {
  speech->is_plain = false;
  speech->is_choosing = true;
  const uint64_t database = std::stoull(std::string(request[1]));
  speech->is_refused = database >= kSimDatabases;
  if (speech->is_refused) return "-ERR DB index is out of range\r\n";
  speech->database = database;
  return "+OK\r\n";
}

std::string SimRedisNode::Answer(const wire::Request& request, Speech* speech) {
  const std::string name = NameOf(request);
  if (name == "ping" && speech->is_subscribed) return "*2\r\n$4\r\npong\r\n$0\r\n\r\n";
  if (name == "ping") return sickness() && ShowsToPing(*sickness()) ? "-LOADING simulated\r\n" : "+PONG\r\n";
  if (name == "hello") return AnswerHello(request, speech);
  if (name == "select") return AnswerSelect(request, speech);
  CountRequest();
  if (speech->is_choosing) CountWrongRequest();
  if (name == "evalsha" || name == "eval") {
    CheckKey(request[3]);
    if (request[1] == kForgingScript) return "-CLUSTERDOWN" + std::string(kAskedFor).append(request[3]) + "\r\n";
    if (name == "evalsha" && !knows_scripts_) return "-NOSCRIPT simulated\r\n";
    knows_scripts_ = !loop().Chance(0.05);  // Somebody flushes them now and then.
    return AnswerScript(request);
  }
  if (name == "multi" || name == "exec") return AnswerTransaction(name, request, speech);
  if (std::string answer = AnswerWatch(name, request, speech); !answer.empty()) return answer;
  if (name == "client") return AnswerClient(request, speech);
  if (std::string answer = AnswerTopics(name, request, speech); !answer.empty()) return answer;
  const size_t step = name == "mset" ? 2 : 1;
  const bool waits = name == "blpop" || name == "brpop";
  const bool many = name == "mset" || name == "mget" || name == "del";
  const bool scans = name == "scan";
  const size_t end = many ? request.size() : waits ? request.size() - 1 : scans ? 1 : 2;
  for (size_t i = 1; i < end; i += step) CheckKey(request[i]);
  if (sickness()) {
    const Sickness& sick = kSicknesses[*sickness() % std::size(kSicknesses)];
    if (sick.refuses_reads || name == "set" || name == "mset" || name == "rpush" || name == "lpush") {
      speech->is_aborted = true;
      // Whose it is then shows by its place alone: EXEC repeats it.
      if (speech->is_in_multi) return "-" + std::string(sick.error) + " simulated\r\n";
      std::string out;
      wire::AppendError(std::string(sick.error).append(kAskedFor).append(request[1]), &out);
      return out;
    }
  }
  if (std::string answer = AnswerTransaction(name, request, speech); !answer.empty()) return answer;
  if (waits) return AnswerWait(name, request, speech);
  if (scans) return AnswerScan(request, *speech);
  return AnswerKeyed(name, request, *speech);
}

std::string SimRedisNode::AnswerTransaction(std::string_view name, const wire::Request& request, Speech* speech) {
  if (name == "multi") {
    if (speech->is_in_multi) CountWrongRequest();
    speech->is_in_multi = true;
    speech->is_aborted = false;
    return "+OK\r\n";
  }
  if (!speech->is_in_multi) return name == "exec" ? "-ERR EXEC without MULTI\r\n" : "";
  if (name == "exec") return Execute(speech);
  speech->queued.emplace_back(request.encoded());
  return "+QUEUED\r\n";
}

std::string SimRedisNode::Execute(Speech* speech) {
  speech->is_in_multi = false;
  const std::vector<std::string> queued = std::exchange(speech->queued, {});
  const bool is_dirty = IsDirty(*speech);
  speech->watched.clear();
  if (speech->is_aborted) return "-EXECABORT Transaction discarded because of previous errors.\r\n";
  if (is_dirty) return speech->protocol == 3 ? "_\r\n" : "*-1\r\n";
  std::string out;
  wire::AppendArrayHeader(queued.size(), &out);
  for (const std::string& encoded : queued) {
    wire::RequestParser parser{wire::Limits{}};
    parser.Parse(encoded);
    const wire::Request& request = parser.request();
    out += AnswerKeyed(NameOf(request), request, *speech);
    const bool is_of_interest = request[1].starts_with(kCounterPrefix) || request[1].starts_with(kWatchedPrefix);
    if (is_of_interest && NameOf(request) == "set")
      executed_[{speech->database, std::string(request[1])}].emplace_back(request[2]);
  }
  return out;
}

std::string SimRedisNode::AnswerWatch(std::string_view name, const wire::Request& request, Speech* speech) {
  if (name != "watch" && name != "unwatch") return {};
  speech->is_own = true;
  if (name == "unwatch") {
    speech->watched.clear();
    return "+OK\r\n";
  }
  if (speech->is_in_multi) CountWrongRequest();
  for (size_t i = 1; i < request.size(); ++i) {
    CheckKey(request[i]);
    const std::string key(request[i]);
    speech->watched.push_back({speech->database, key, versions_[{speech->database, key}]});
  }
  return "+OK\r\n";
}

std::string SimRedisNode::AnswerTopics(std::string_view name, const wire::Request& request, Speech* speech) {
  std::string out;
  if (name == "publish") {
    wire::AppendInteger(static_cast<int64_t>(Publish(request[1], request[2])), &out);
  } else if (name.ends_with("subscribe")) {
    speech->is_own = speech->has_subscribed = true;
    out = topics_.Change(name, request[1], speech->connection);
    speech->is_subscribed = topics_.IsSubscribed(speech->connection);
  }
  return out;
}

std::string SimRedisNode::AnswerClient(const wire::Request& request, Speech* speech) {
  std::string out;
  // It is that of a client which waits, or the control link.
  speech->is_own = true;
  if (request[1] == "ID") {
    wire::AppendInteger(static_cast<int64_t>(speech->connection), &out);
  } else {
    wire::AppendInteger(lists_.Unblock(std::stoull(std::string(request[2]))) ? 1 : 0, &out);
  }
  return out;
}

std::string SimRedisNode::AnswerWait(std::string_view name, const wire::Request& request, Speech* speech) {
  SimLists::WaitingConnection waiting{.connection = speech->connection,
                                      .protocol = speech->protocol,
                                      .database = speech->database,
                                      .keys = {},
                                      .end = name == "blpop" ? SimLists::ListEnd::kLeft : SimLists::ListEnd::kRight};
  for (size_t i = 1; i + 1 < request.size(); ++i) waiting.keys.emplace_back(request[i]);
  if (std::string reply = lists_.Pop(waiting); !reply.empty()) return reply;
  speech->is_own = speech->is_waiting = true;
  const uint64_t number = lists_.Wait(std::move(waiting));
  const auto limit_us = static_cast<int64_t>(std::stod(std::string(request[request.size() - 1])) * 1e6 + 0.5);
  if (limit_us > 0) loop().After(net::Duration(limit_us), [this, number] { lists_.EndWait(number); });
  return {};
}

bool SimRedisNode::IsDirty(const Speech& speech) const {
  return std::ranges::any_of(speech.watched, [this](const Speech::WatchedKey& watched) {
    return versions_.at({watched.database, watched.key}) != watched.version;
  });
}

void SimRedisNode::Touch(uint64_t database, std::string_view key) {
  if (versions_.empty()) return;
  const auto found = versions_.find({database, std::string(key)});
  if (found != versions_.end()) ++found->second;
}

std::string SimRedisNode::AnswerScript(const wire::Request& request) {
  constexpr size_t kFirst = 4;
  constexpr size_t kLeaseArguments = 8;
  std::string out;
  if (request.size() < kFirst + kLeaseArguments) {
    wire::AppendInteger(static_cast<int64_t>(1 + loop().Random(3)), &out);  // So many proxies live.
    return out;
  }
  const auto number = [&](size_t i) { return std::stoull(std::string(request[kFirst + i])); };
  const proxy::LeaseTerms terms{.rate = {number(0), net::Duration(number(1))}, .burst = number(2)};
  const proxy::LeaseRequest asked{.want = number(3),
                                  .least = number(4),
                                  .debt = number(5),
                                  .lessees = static_cast<uint32_t>(number(6)),
                                  .after_outage = number(7) == 1};
  const proxy::LeaseReply reply =
      buckets_[std::string(request[3])].Call(terms, asked, loop().now().time_since_epoch().count());
  wire::AppendArrayHeader(3, &out);
  wire::AppendInteger(static_cast<int64_t>(reply.granted), &out);
  wire::AppendInteger(reply.retry_after.count(), &out);
  wire::AppendInteger(reply.used_thousandths, &out);
  return out;
}

std::string SimRedisNode::AnswerScan(const wire::Request& request, const Speech& speech) {
  // As large as the cursors of 2^36 keys.
  constexpr int kHashBits = 36;
  const auto hash_of = [](std::string_view key) {
    return ring::Hash(ring::HashAlgorithm::kXxh3, key) >> (64 - kHashBits);
  };
  const uint64_t cursor = std::stoull(std::string(request[1]));
  size_t count = 10;
  std::string_view prefix;
  for (size_t i = 2; i + 1 < request.size(); i += 2) {
    if (request[i] == "COUNT") count = std::stoull(std::string(request[i + 1]));
    if (request[i] == "MATCH") prefix = request[i + 1].substr(0, request[i + 1].size() - 1);
  }
  std::multimap<uint64_t, std::string_view> left;
  for (const auto& [key, value] : databases_[speech.database]) {
    if (const uint64_t hash = hash_of(key); hash >= cursor) left.emplace(hash, key);
  }
  std::vector<std::string_view> page;
  auto at = left.begin();
  // Those of one hash come together.
  for (uint64_t last = 0; at != left.end() && (count > 0 || at->first == last); ++at) {
    last = at->first;
    if (count > 0) --count;
    if (at->second.starts_with(prefix)) page.push_back(at->second);
  }
  std::string out;
  wire::AppendArrayHeader(2, &out);
  wire::AppendBulk(at == left.end() ? "0" : std::to_string(at->first), &out);
  wire::AppendArrayHeader(page.size(), &out);
  for (const std::string_view key : page) wire::AppendBulk(key, &out);
  return out;
}

std::string SimRedisNode::AnswerKeyed(std::string_view name, const wire::Request& request, const Speech& speech) {
  Data& data = databases_[speech.database];
  std::string out;
  const auto append_value = [&](std::string_view key) {
    const auto found = data.find(key);
    if (found != data.end()) return wire::AppendBulk(found->second, &out);
    speech.protocol == 3 ? void(out.append("_\r\n")) : wire::AppendNilBulk(&out);
  };
  if (name == "get") {
    append_value(request[1]);
  } else if (name == "set") {
    data[std::string(request[1])] = request[2];
    Touch(speech.database, request[1]);
    out = "+OK\r\n";
  } else if (name == "mset") {
    for (size_t i = 1; i + 1 < request.size(); i += 2) data[std::string(request[i])] = request[i + 1];
    out = "+OK\r\n";
  } else if (name == "mget") {
    wire::AppendArrayHeader(request.size() - 1, &out);
    for (size_t i = 1; i < request.size(); ++i) append_value(request[i]);
  } else if (name == "del") {
    int64_t gone = 0;
    for (size_t i = 1; i < request.size(); ++i) gone += static_cast<int64_t>(data.erase(std::string(request[i])));
    wire::AppendInteger(gone, &out);
  } else if (name == "rpush" || name == "lpush") {
    const auto end = name == "lpush" ? SimLists::ListEnd::kLeft : SimLists::ListEnd::kRight;
    wire::AppendInteger(static_cast<int64_t>(lists_.Push({speech.database, std::string(request[1])}, request[2], end)),
                        &out);
  } else if (name == "pexpire") {
    // Time is too short for anything to expire.
    wire::AppendInteger(data.contains(request[1]) ? 1 : 0, &out);
  } else {
    wire::AppendError("ERR the simulated node does not know this command", &out);
  }
  return out;
}

}  // namespace ringproxy::sim
