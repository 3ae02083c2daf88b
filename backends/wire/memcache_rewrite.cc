#include "backends/wire/memcache_rewrite.h"

#include <algorithm>
#include <cstdint>

#include "backends/wire/memcache_binary.h"
#include "backends/wire/memcache_reply.h"

namespace ringproxy::wire {
namespace {

// The word that is the exptime; 0: the command has none.
size_t ExptimeWord(std::string_view command) {
  if (command == "touch") return 2;
  if (command == "gat" || command == "gats") return 1;
  for (const std::string_view storage : {"set", "add", "replace", "append", "prepend", "cas"}) {
    if (command == storage) return 3;
  }
  return 0;
}

void AppendExptime(std::string_view exptime, const MemcacheRewrite& rewrite, std::string* out) {
  // What is no number here is none to the node, whose own error the client then reads.
  if (!rewrite.cap || !AppendCappedExptime(exptime, *rewrite.cap, out)) out->append(exptime);
}

void AppendClassicWords(const Request& request, const MemcacheRewrite& rewrite, std::string* out) {
  constexpr size_t kCasWord = 5;  // cas key flags exptime bytes TOKEN
  const size_t exptime = ExptimeWord(request.name());
  for (size_t i = 0; i < request.size(); ++i) {
    if (i > 0) out->push_back(' ');
    if (rewrite.cas == CasPlace::kArgument && i == kCasWord) {
      AppendRetagged(request[i], rewrite.tag, out);
    } else if (i > 0 && i == exptime) {
      AppendExptime(request[i], rewrite, out);
    } else {
      out->append(request[i]);
    }
  }
}

void AppendMetaWord(std::string_view flag, const MemcacheRewrite& rewrite, std::string* out) {
  const std::string_view token = flag.substr(1);
  out->push_back(flag.front());
  switch (flag.front()) {
    case 'C':
    case 'E': return AppendRetagged(token, rewrite.tag, out);
    // T: of the item. N: of one that is created since none was there.
    case 'T':
    case 'N': return AppendExptime(token, rewrite, out);
    default: out->append(token);
  }
}

// Modes that add to a value keep the expiry that it has.
bool AddsToAValue(std::string_view flag) {
  return flag.size() > 1 && flag.front() == 'M' && std::string_view("AaPp").find(flag[1]) != std::string_view::npos;
}

void AppendMetaWords(const Request& request, const MemcacheRewrite& rewrite, std::string* out) {
  const bool is_set = request.name() == "ms";
  const size_t first_flag = is_set ? 3 : 2;
  bool needs_expiry = is_set && rewrite.cap;
  out->append(request.name());
  for (size_t i = 1; i < request.size(); ++i) {
    const std::string_view word = request[i];
    const bool is_flag = i >= first_flag;
    // A quiet flag that was blanked is still a word, made of one blank.
    if (is_flag && (word.front() == 'q' || word.front() == ' ')) continue;
    out->push_back(' ');
    if (!is_flag) {
      out->append(word);
      continue;
    }
    AppendMetaWord(word, rewrite, out);
    if (word.front() == 'T' || AddsToAValue(word)) needs_expiry = false;
  }
  if (needs_expiry) out->append(" T").append(std::to_string(rewrite.cap->longest.count()));
}

// Where the expiry lies in extras of this size: the last four bytes, wherever there is one.
void AppendBinaryCapped(std::string_view packet, const std::optional<ExpiryCap>& cap, std::string* out) {
  constexpr size_t kExpiryBytes = 4;
  const size_t start = out->size();
  out->append(packet);
  const size_t extras = ReadBinaryHeader(packet).extras_bytes;
  if (!cap || extras < kExpiryBytes) return;
  char* const at = out->data() + start + kBinaryHeaderBytes + extras - kExpiryBytes;
  uint32_t expiry = 0;
  for (size_t i = 0; i < kExpiryBytes; ++i) expiry = expiry << 8 | static_cast<unsigned char>(at[i]);
  const auto longest = static_cast<uint32_t>(cap->longest.count());
  const auto name = static_cast<BinaryOpcode>(ReadBinaryHeader(packet).opcode);
  const bool counts = name == BinaryOpcode::kIncrement || name == BinaryOpcode::kDecrement;
  // A counter is not to be created.
  if (counts && expiry == UINT32_MAX) return;
  if (expiry > kLongestRelativeExptime.count()) {
    const int64_t left = expiry - cap->now.time_since_epoch().count();
    // A date that has passed has passed for the node as well.
    if (left <= 0) return;
    expiry = static_cast<uint32_t>(std::min<int64_t>(longest, left));
  } else {
    expiry = expiry == 0 ? longest : std::min(longest, expiry);
  }
  for (size_t i = 0; i < kExpiryBytes; ++i) at[i] = static_cast<char>(expiry >> (8 * (kExpiryBytes - 1 - i)));
}

}  // namespace

void AppendForNode(const Request& request, const MemcacheRewrite& rewrite, std::string* out) {
  if (IsBinaryRequest(request.encoded())) return AppendBinaryCapped(request.encoded(), rewrite.cap, out);
  const std::string_view name = request.name();
  const bool is_meta = name.size() == 2 && name.front() == 'm';
  is_meta ? AppendMetaWords(request, rewrite, out) : AppendClassicWords(request, rewrite, out);
  out->append("\r\n");
  std::string_view data = request.encoded();
  TakeLine(&data);
  out->append(data);
}

}  // namespace ringproxy::wire
