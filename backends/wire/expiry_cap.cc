#include "backends/wire/expiry_cap.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "backends/wire/integer.h"

namespace ringproxy::wire {

bool AppendCappedExptime(std::string_view exptime, ExpiryCap cap, std::string* out) {
  const std::optional<int32_t> number = ParseMemcacheNumber<int32_t>(exptime);
  if (!number) return false;
  const int64_t longest = cap.longest.count();
  if (*number < 0 || (*number > 0 && *number <= longest)) {
    out->append(exptime);
    return true;
  }
  int64_t left = longest;
  if (*number > kLongestRelativeExptime.count()) {
    left = std::min(longest, *number - cap.now.time_since_epoch().count());
  }
  // 0 would be never.
  out->append(std::to_string(left > 0 ? left : -1));
  return true;
}

}  // namespace ringproxy::wire
