// tools/benchmark/canned_replies.cc – see canned_replies.h.
#include "tools/benchmark/canned_replies.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "tools/benchmark/canned_memcache.h"
#include "tools/benchmark/canned_value.h"

namespace ringproxy::bench {
namespace {

// As many as Redis takes.
constexpr size_t kMaxArguments = size_t{1} << 20;
constexpr size_t kMaxLineBytes = 20;
constexpr std::string_view kEnd = "\r\n";
constexpr std::string_view kOkLine = "+OK\r\n";
// All that a proxy may want to know of it.
constexpr std::string_view kServer = "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n";

enum class Reply { kOk, kPong, kBulk, kArrayOfBulks, kCount, kEmptyArray, kHello, kMulti, kExec };
struct Command {
  std::string_view name;
  Reply reply;
};
// Everything else (SET, AUTH, SELECT, CLIENT, …) is answered +OK.
constexpr Command kCommands[] = {
    {"get", Reply::kBulk},     {"mget", Reply::kArrayOfBulks},  {"ping", Reply::kPong},
    {"del", Reply::kCount},    {"touch", Reply::kCount},        {"exists", Reply::kCount},
    {"unlink", Reply::kCount}, {"command", Reply::kEmptyArray}, {"hello", Reply::kHello},
    {"multi", Reply::kMulti},  {"exec", Reply::kExec},
};

bool EqualFolded(std::string_view text, std::string_view lower) {
  // This folds letters, and the names consist of nothing else.
  return std::ranges::equal(text, lower, [](char a, char b) { return (a | 0x20) == b; });
}

Reply ReplyTo(std::string_view name) {
  for (const Command& command : kCommands) {
    if (EqualFolded(name, command.name)) return command.reply;
  }
  return Reply::kOk;
}

void AppendNumber(CannedOutput& out, char type, size_t number) {
  char line[kMaxLineBytes];
  line[0] = type;
  char* const end = std::to_chars(line + 1, line + sizeof line - kEnd.size(), number).ptr;
  end[0] = '\r';
  end[1] = '\n';
  out.Append({line, static_cast<size_t>(end - line) + kEnd.size()});
}

void AppendValue(CannedOutput& out, std::string_view key) {
  const size_t bytes = CannedValueBytes(key);
  AppendNumber(out, '$', bytes);
  AppendCannedValue(out, key, bytes);
}

// Reads "<type>NUMBER\r\n" at `at`, which moves behind it. No number and `bad` unset: more bytes are needed.
std::optional<size_t> ReadLine(std::string_view bytes, char type, size_t& at, bool& bad) {
  if (at == bytes.size()) return std::nullopt;
  size_t number = 0;
  size_t end = at + 1;
  for (; end < bytes.size() && bytes[end] >= '0' && bytes[end] <= '9'; ++end) {
    number = number * 10 + static_cast<size_t>(bytes[end] - '0');
  }
  const std::string_view tail = bytes.substr(end, kEnd.size());
  bad = bytes[at] != type || end - at > kMaxLineBytes || !kEnd.starts_with(tail) || (end == at + 1 && !tail.empty());
  if (bad || tail.size() < kEnd.size()) return std::nullopt;
  at = end + kEnd.size();
  return number;
}

}  // namespace

bool CannedReplies::Feed(std::string_view bytes, CannedOutput& out) {
  const size_t skipped = std::min(skip_, bytes.size());
  if (skipped > 0) Skipped(skipped, out);
  bytes.remove_prefix(skipped);
  size_t used = 0;
  // Mostly whole requests come, which are framed where they were read.
  if (carry_.empty()) {
    if (!FeedWhole(bytes, used, out)) return false;
    carry_.assign(bytes.substr(used));
    return true;
  }
  carry_.append(bytes);
  if (!FeedWhole(carry_, used, out)) return false;
  carry_.erase(0, used);
  return true;
}

void CannedReplies::Skipped(size_t bytes, CannedOutput& out) {
  skip_ -= bytes;
  if (skip_ == 0) out.Append(kOkLine);  // Only commands that are answered so may be skipped.
}

bool CannedReplies::FeedWhole(std::string_view bytes, size_t& used, CannedOutput& out) {
  while (used < bytes.size()) {
    if (skip_ == 0 && bytes[used] != '*') {
      const std::optional<size_t> text = AnswerMemcache(bytes.substr(used), out);
      if (!text) return false;
      if (*text == 0) return true;
      used += *text;
      continue;
    }
    size_t length = 0;
    const Framed framed = Frame(bytes.substr(used), length);
    if (framed == Framed::kBad) return false;
    if (framed == Framed::kNeedMore) return true;
    used += length;
    if (skip_ == 0) Answer(out);
  }
  return true;
}

CannedReplies::Framed CannedReplies::Frame(std::string_view bytes, size_t& used) {
  bool bad = false;
  size_t at = 0;
  const std::optional<size_t> count = ReadLine(bytes, '*', at, bad);
  if (bad || (count && (*count == 0 || *count > kMaxArguments))) return Framed::kBad;
  if (!count) return Framed::kNeedMore;
  arguments_.clear();
  for (size_t i = 0; i < *count; ++i) {
    const std::optional<size_t> length = ReadLine(bytes, '$', at, bad);
    if (bad || (length && *length > kMostCannedBytes)) return Framed::kBad;
    if (!length) return Framed::kNeedMore;
    const size_t whole = *length + kEnd.size();
    const size_t here = std::min(whole, bytes.size() - at);
    // Nobody reads the value that ends a SET, so its bytes need not be kept until all have come.
    const bool skippable = !in_multi_ && i + 1 == *count && i > 0 && ReplyTo(arguments_.front()) == Reply::kOk;
    if (here < whole && !skippable) return Framed::kNeedMore;
    arguments_.push_back(bytes.substr(at, std::min(here, *length)));
    at += here;
    skip_ = whole - here;
  }
  used = at;
  return Framed::kWhole;
}

void CannedReplies::Answer(CannedOutput& out) {
  if (!in_multi_) return Execute(arguments_, out);
  if (ReplyTo(arguments_.front()) != Reply::kExec) {
    queued_.emplace_back(arguments_.begin(), arguments_.end());
    return out.Append("+QUEUED\r\n");
  }
  in_multi_ = false;
  AppendNumber(out, '*', queued_.size());
  for (const std::vector<std::string>& queued : queued_) Execute({queued.begin(), queued.end()}, out);
  queued_.clear();
}

void CannedReplies::Execute(const std::vector<std::string_view>& arguments, CannedOutput& out) {
  switch (ReplyTo(arguments.front())) {
    case Reply::kExec: return out.Append("-ERR EXEC without MULTI\r\n");
    case Reply::kMulti: in_multi_ = true; return out.Append(kOkLine);
    case Reply::kHello: return out.Append(kServer);
    case Reply::kOk: return out.Append(kOkLine);
    case Reply::kPong: return out.Append("+PONG\r\n");
    case Reply::kEmptyArray: return out.Append("*0\r\n");
    case Reply::kCount: return AppendNumber(out, ':', arguments.size() - 1);
    case Reply::kBulk: return AppendValue(out, arguments.back());
    case Reply::kArrayOfBulks: break;
  }
  AppendNumber(out, '*', arguments.size() - 1);
  for (size_t i = 1; i < arguments.size(); ++i) AppendValue(out, arguments[i]);
}

}  // namespace ringproxy::bench
