#include "backends/wire/gutter_request.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <optional>

#include "backends/wire/ascii.h"
#include "backends/wire/integer.h"
#include "backends/wire/limits.h"
#include "backends/wire/memcache_binary.h"
#include "backends/wire/memcache_reply.h"
#include "backends/wire/memcache_rewrite.h"
#include "backends/wire/resp_encode.h"

namespace ringproxy::wire {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The longest expiry in the unit that an option of SET or GETEX names; 0 for every other option.
int64_t LongestExpiry(std::string_view option, seconds ttl) {
  if (EqualsIgnoringCase(option, "ex")) return ttl.count();
  if (EqualsIgnoringCase(option, "px")) return milliseconds(ttl).count();
  return 0;
}

// Makes room for the whole request, so that a large value is not moved again for what follows it.
void StartArray(size_t count, const Request& request, std::string* out) {
  // The request gains at most an option and its expiry, and digits of counts.
  constexpr size_t kMostGain = 64;
  out->reserve(out->size() + request.encoded().size() + kMostGain);
  AppendArrayHeader(count, out);
}

// A Redis request whose argument `at` is an expiry.
bool AppendCapped(const Request& request, size_t at, int64_t longest, std::string* out) {
  const std::optional<int64_t> expiry = ParseInteger(request[at]);
  if (!expiry) return false;
  const std::string capped = std::to_string(std::min(*expiry, longest));
  StartArray(request.size(), request, out);
  for (size_t i = 0; i < request.size(); ++i) AppendBulk(i == at ? capped : request[i], out);
  return true;
}

// Arguments beyond the least that a command has are conditions.
bool AppendFixed(const CommandSpec& spec, const Request& request, int64_t longest, std::string* out) {
  return request.size() == static_cast<size_t>(std::abs(spec.arity)) && AppendCapped(request, 2, longest, out);
}

// The last two of `size` arguments are an option and its expiry.
bool AppendWithOption(const Request& request, size_t size, seconds ttl, std::string* out) {
  if (request.size() != size) return false;
  const int64_t longest = LongestExpiry(request[size - 2], ttl);
  return longest > 0 && AppendCapped(request, size - 1, longest, out);
}

bool AppendSet(const Request& request, seconds ttl, std::string* out) {
  constexpr size_t kWithOption = 5;
  if (request.size() != 3) return AppendWithOption(request, kWithOption, ttl, out);
  StartArray(kWithOption, request, out);
  for (size_t i = 0; i < request.size(); ++i) AppendBulk(request[i], out);
  AppendBulk("EX", out);
  AppendBulk(std::to_string(ttl.count()), out);
  return true;
}

bool AppendGetEx(const Request& request, seconds ttl, std::string* out) {
  // Without options GETEX is a GET, and changes no expiry.
  if (request.size() != 2) return AppendWithOption(request, 4, ttl, out);
  out->append(request.encoded());
  return true;
}

// Ends a memcached line that started at `start` and adds the request's data block. False if the line has become longer
// than a node reads.
bool FinishLine(const Request& request, size_t start, std::string* out) {
  if (out->size() - start > kLongestMemcacheLine) return false;
  out->append("\r\n");
  std::string_view data = request.encoded();
  TakeLine(&data);
  out->append(data);
  return true;
}

bool AppendClassic(const Request& request, size_t exptime, ExpiryCap cap, std::string* out) {
  if (request.size() <= exptime) return false;  // `touch k noreply`
  const size_t start = out->size();
  for (size_t i = 0; i < request.size(); ++i) {
    if (i > 0) out->push_back(' ');
    if (i != exptime) {
      out->append(request[i]);
    } else if (!AppendCappedExptime(request[i], cap, out)) {
      return false;
    }
  }
  return FinishLine(request, start, out);
}

// What a meta command may say to a gutter.
struct MetaForm {
  size_t first_flag;
  std::string_view flags;  // Each at most once.
  bool needs_expiry;
};
constexpr MetaForm kMetaGetForm = {2, "TbfhkOlstv", false};
constexpr MetaForm kMetaSetForm = {3, "TMFbkOs", true};
constexpr MetaForm kMetaDeleteForm = {2, "bkO", false};

bool AppendMetaFlag(std::string_view flag, ExpiryCap cap, std::string* out) {
  out->push_back(' ');
  if (flag.front() == 'T') {
    out->push_back('T');
    return AppendCappedExptime(flag.substr(1), cap, out);
  }
  out->append(flag);
  // Every other mode adds to a value, or depends on one, that the gutter may not have.
  return flag.front() != 'M' || flag == "MS";
}

bool AppendMeta(const Request& request, const MetaForm& form, ExpiryCap cap, std::string* out) {
  const size_t start = out->size();
  out->append(request.name());
  for (size_t i = 1; i < form.first_flag; ++i) out->append(" ").append(request[i]);
  uint32_t seen = 0;
  for (size_t i = form.first_flag; i < request.size(); ++i) {
    const char letter = request[i].front();
    // A quiet flag that was blanked is still a word of the request, made of one blank.
    if (letter == 'q' || letter == ' ') continue;
    const size_t place = form.flags.find(letter);
    // A server takes only so many flags of ms, and would not find the data block behind more. Without doubles there are
    // never so many.
    if (place == std::string_view::npos || ((seen >> place) & 1) != 0) return false;
    seen |= 1U << place;
    if (!AppendMetaFlag(request[i], cap, out)) return false;
  }
  // Only forms that know the flag T need an expiry.
  const bool lacks_expiry = form.needs_expiry && ((seen >> form.flags.find('T')) & 1) == 0;
  if (lacks_expiry) out->append(" T").append(std::to_string(cap.longest.count()));
  return FinishLine(request, start, out);
}

bool AppendRewritten(const CommandSpec& spec, const Request& request, ExpiryCap cap, std::string* out) {
  const seconds ttl = cap.longest;
  if (spec.gutter != Gutter::kNo && IsBinaryRequest(request.encoded())) {
    AppendForNode(request, {.cap = cap}, out);
    return true;
  }
  switch (spec.gutter) {
    case Gutter::kNo: return false;
    case Gutter::kAsIs: out->append(request.encoded()); return true;
    case Gutter::kSecondsAt2: return AppendFixed(spec, request, ttl.count(), out);
    case Gutter::kMillisecondsAt2: return AppendFixed(spec, request, milliseconds(ttl).count(), out);
    case Gutter::kSet: return AppendSet(request, ttl, out);
    case Gutter::kGetEx: return AppendGetEx(request, ttl, out);
    case Gutter::kExptimeAt1: return AppendClassic(request, 1, cap, out);
    case Gutter::kExptimeAt2: return AppendClassic(request, 2, cap, out);
    case Gutter::kExptimeAt3: return AppendClassic(request, 3, cap, out);
    case Gutter::kMetaGetFlags: return AppendMeta(request, kMetaGetForm, cap, out);
    case Gutter::kMetaSetFlags: return AppendMeta(request, kMetaSetForm, cap, out);
    case Gutter::kMetaDeleteFlags: return AppendMeta(request, kMetaDeleteForm, cap, out);
  }
  return false;
}

}  // namespace

bool AppendGutterRequest(const CommandSpec& spec, const Request& request, ExpiryCap cap, std::string* out) {
  assert(cap.longest >= seconds(1) && cap.longest <= kLongestRelativeExptime);
  const size_t start = out->size();
  if (AppendRewritten(spec, request, cap, out)) return true;
  // `out` may hold requests from before, and a refusal found halfway must leave nothing of this one behind them.
  out->resize(start);
  return false;
}

}  // namespace ringproxy::wire
