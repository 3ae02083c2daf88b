#include "backends/wire/integer.h"

namespace ringproxy::wire {

const char* ReadLongCount(const char* at, const char* end, uint64_t* value) {
  // So many digits cannot overflow, which spares the loop the question, and nobody's count is longer.
  constexpr auto kMostDigits = 18;
  const char* const last = end - at > kMostDigits ? at + kMostDigits : end;
  const char* digit = at;
  uint64_t sum = 0;
  for (; digit < last && IsDigit(*digit); ++digit) sum = sum * 10 + static_cast<uint64_t>(*digit - '0');
  if (end - digit < 2 || digit[0] != '\r' || digit[1] != '\n') return nullptr;
  // Redis takes no leading zeros, and what is written again must come out as long as it was.
  if (digit == at || (*at == '0' && digit != at + 1)) return nullptr;
  *value = sum;
  return digit + 2;
}

}  // namespace ringproxy::wire
