// backends/wire/base64.h – Decodes the keys of meta commands with the flag `b` (RFC 4648, section 4).
//
// Threads: a pure function.
#pragma once

#include <string>
#include <string_view>

namespace ringproxy::wire {

// Replaces `out` by the decoded bytes; false when `text` is not whole, padded base64, or is empty.
bool DecodeBase64(std::string_view text, std::string* out);

}  // namespace ringproxy::wire
