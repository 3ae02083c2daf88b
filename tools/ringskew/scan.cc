#include "tools/ringskew/scan.h"

#include <charconv>

#include "backends/wire/memcache_reply.h"
#include "backends/wire/resp_encode.h"
#include "backends/wire/resp_reply.h"
#include "tools/ringskew/node_stream.h"

namespace ringproxy::ringskew {
namespace {

using Problem = NodeStream::Problem;

// A node serves nobody else during a step, so steps are short; shorter ones would cost a round trip for few keys.
constexpr int kScanCount = 1000;
constexpr uint64_t kSizeSample = 100;  // Of so many keys the size of one is asked.

std::string Encode(std::initializer_list<std::string_view> arguments) {
  std::string out;
  wire::AppendArrayHeader(arguments.size(), &out);
  for (const std::string_view argument : arguments) wire::AppendBulk(argument, &out);
  return out;
}

// One node that speaks RESP.
class RedisScan {
 public:
  RedisScan(const conf::Pool& pool, uint32_t node, const KeyVisitor& visit) : pool_(pool), node_(node), visit_(visit) {}

  Problem Run(uint64_t* keys, const Progress& progress) {
    if (auto problem = stream_.Connect(pool_.nodes[node_].address)) return problem;
    if (auto problem = LogIn()) return problem;
    std::string cursor = "0";
    do {
      if (auto problem = ScanOnce(&cursor, keys)) return problem;
      progress(*keys);
    } while (cursor != "0");
    return std::nullopt;
  }

 private:
  // The next whole reply, which stays in the buffer until Consume(reply->size()).
  Problem Ask(const std::string& request, std::string_view* reply) {
    *reply = {};
    if (auto problem = stream_.Send(request)) return problem;
    return Read(reply);
  }
  Problem Read(std::string_view* reply) {
    wire::RespReplyFramer framer;
    auto status = framer.Frame(stream_.buffer());
    while (status == wire::ReplyFramer::FrameStatus::kNeedMore) {
      if (auto problem = stream_.ReadMore()) return problem;
      status = framer.Frame(stream_.buffer());
    }
    if (status == wire::ReplyFramer::FrameStatus::kBad) return "it does not speak RESP";
    *reply = stream_.buffer().substr(0, framer.size());
    if (wire::IsError(*reply)) return std::string(reply->substr(1, reply->find('\r') - 1));
    return std::nullopt;
  }

  Problem LogIn() {
    if (pool_.auth.password_file.empty()) return std::nullopt;
    const std::string request = pool_.auth.username.empty()
                                    ? Encode({"AUTH", pool_.auth.password})
                                    : Encode({"AUTH", pool_.auth.username, pool_.auth.password});
    std::string_view reply;
    if (auto problem = Ask(request, &reply)) return problem;
    stream_.Consume(reply.size());
    return std::nullopt;
  }

  Problem ScanOnce(std::string* cursor, uint64_t* keys) {
    std::string_view reply;
    if (auto problem = Ask(Encode({"SCAN", *cursor, "COUNT", std::to_string(kScanCount)}), &reply)) return problem;
    wire::ArrayReader outer(reply);
    if (!outer.is_array() || outer.remaining() != 2) return "an unexpected reply to SCAN";
    *cursor = wire::BulkReply(outer.Next()).value_or("0");
    std::vector<std::string> sampled;
    for (wire::ArrayReader found(outer.Next()); found.remaining() > 0; ++*keys) {
      const std::string_view key = wire::BulkReply(found.Next()).value_or("");
      if (*keys % kSizeSample == 0) {
        // Copied, for the question about its size moves the buffer in which it lies.
        sampled.emplace_back(key);
      } else {
        // SCAN may tell a key twice while the node's table grows; so few do not change a share.
        visit_({key, 1, 0, node_});
      }
    }
    stream_.Consume(reply.size());
    for (const std::string& key : sampled) {
      // A server without the command has no sizes; a key may be gone by now.
      if (auto problem = Ask(Encode({"MEMORY", "USAGE", key}), &reply); problem && reply.empty()) return problem;
      const auto bytes = static_cast<double>(wire::IntegerReply(reply).value_or(0));
      stream_.Consume(reply.size());
      visit_({key, 1, bytes * kSizeSample, node_});
    }
    return std::nullopt;
  }

  const conf::Pool& pool_;
  const uint32_t node_;
  const KeyVisitor& visit_;
  NodeStream stream_;
};

// Keys are URL-encoded in a metadump.
std::string UrlDecoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// "key=foo exp=-1 la=5 cas=2 fetch=no cls=1 size=63"
void VisitItem(std::string_view line, uint32_t node, const KeyVisitor& visit) {
  std::string key;
  double bytes = 0;
  for (std::string_view word = wire::TakeWord(&line); !word.empty(); word = wire::TakeWord(&line)) {
    if (word.starts_with("key=")) key = UrlDecoded(word.substr(4));
    if (word.starts_with("size=")) std::from_chars(word.data() + 5, word.data() + word.size(), bytes);
  }
  visit({key, 1, bytes, node});
}

Problem DumpMemcached(const conf::Pool& pool, uint32_t node, const KeyVisitor& visit, uint64_t* keys,
                      const Progress& progress) {
  NodeStream stream;
  if (auto problem = stream.Connect(pool.nodes[node].address)) return problem;
  if (auto problem = stream.Send("lru_crawler metadump all\r\n")) return problem;
  while (true) {
    const size_t end = stream.buffer().find('\n');
    if (end == std::string_view::npos) {
      if (auto problem = stream.ReadMore()) return problem;
      progress(*keys);
      continue;
    }
    std::string_view rest = stream.buffer().substr(0, end + 1);
    const std::string_view line = wire::TakeLine(&rest);
    if (line == "END") return std::nullopt;
    // The crawler is busy, or the server is too old for a dump.
    if (!line.starts_with("key=")) return "it answered: " + std::string(line);
    VisitItem(line, node, visit);
    ++*keys;
    stream.Consume(end + 1);
  }
}

}  // namespace

std::vector<std::string> ScanNodes(const conf::Pool& pool, const KeyVisitor& visit, const Progress& progress) {
  std::vector<std::string> problems;
  uint64_t keys = 0;
  for (uint32_t i = 0; i < pool.nodes.size(); ++i) {
    const conf::Node& node = pool.nodes[i];
    const Problem problem = pool.protocol == conf::Protocol::kMemcached
                                ? DumpMemcached(pool, i, visit, &keys, progress)
                                : RedisScan(pool, i, visit).Run(&keys, progress);
    if (problem) problems.push_back("node " + node.name + " (" + node.address.ToString() + "): " + *problem);
  }
  return problems;
}

}  // namespace ringproxy::ringskew
