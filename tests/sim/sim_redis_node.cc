#include "tests/sim/sim_redis_node.h"

#include <algorithm>
#include <cctype>

#include "backends/wire/resp_encode.h"

namespace ringproxy::sim {
namespace {

struct Sickness {
  std::string_view error;
  bool shows_to_ping;
  bool refuses_reads;
};
constexpr Sickness kSicknesses[] = {
    {"LOADING", true, true}, {"BUSY", true, true}, {"MASTERDOWN", true, true}, {"OOM", false, false}};

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

size_t SimRedisNode::AnswerFirst(std::string_view input, std::string* reply) {
  wire::RequestParser parser{wire::Limits{}};
  if (parser.Parse(input) != wire::RequestParser::RespStatus::kRequest) return 0;
  *reply += Answer(parser.request());
  return parser.size();
}

std::string SimRedisNode::Answer(const wire::Request& request) {
  std::string name(request.name());
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  if (name == "ping") return sickness() && ShowsToPing(*sickness()) ? "-LOADING simulated\r\n" : "+PONG\r\n";
  CountRequest();
  if (name == "evalsha" || name == "eval") {
    CheckKey(request[3]);
    if (request[1] == kForgingScript) return "-CLUSTERDOWN" + std::string(kAskedFor).append(request[3]) + "\r\n";
    if (name == "evalsha" && !knows_scripts_) return "-NOSCRIPT simulated\r\n";
    knows_scripts_ = !loop().Chance(0.05);  // Somebody flushes them now and then.
    return AnswerScript(request);
  }
  const size_t step = name == "mset" ? 2 : 1;
  const bool many = name == "mset" || name == "mget" || name == "del";
  for (size_t i = 1; i < (many ? request.size() : 2); i += step) CheckKey(request[i]);
  if (sickness()) {
    const Sickness& sick = kSicknesses[*sickness() % std::size(kSicknesses)];
    if (sick.refuses_reads || name == "set" || name == "mset") {
      std::string out;
      wire::AppendError(std::string(sick.error).append(kAskedFor).append(request[1]), &out);
      return out;
    }
  }
  return AnswerKeyed(name, request);
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

std::string SimRedisNode::AnswerKeyed(std::string_view name, const wire::Request& request) {
  std::string out;
  const auto append_value = [&](std::string_view key) {
    const auto found = data_.find(key);
    found == data_.end() ? wire::AppendNilBulk(&out) : wire::AppendBulk(found->second, &out);
  };
  if (name == "get") {
    append_value(request[1]);
  } else if (name == "set") {
    data_[std::string(request[1])] = request[2];
    out = "+OK\r\n";
  } else if (name == "mset") {
    for (size_t i = 1; i + 1 < request.size(); i += 2) data_[std::string(request[i])] = request[i + 1];
    out = "+OK\r\n";
  } else if (name == "mget") {
    wire::AppendArrayHeader(request.size() - 1, &out);
    for (size_t i = 1; i < request.size(); ++i) append_value(request[i]);
  } else if (name == "del") {
    int64_t gone = 0;
    for (size_t i = 1; i < request.size(); ++i) gone += static_cast<int64_t>(data_.erase(std::string(request[i])));
    wire::AppendInteger(gone, &out);
  } else if (name == "pexpire") {
    // Time is too short for anything to expire.
    wire::AppendInteger(data_.contains(request[1]) ? 1 : 0, &out);
  } else {
    wire::AppendError("ERR the simulated node does not know this command", &out);
  }
  return out;
}

}  // namespace ringproxy::sim
