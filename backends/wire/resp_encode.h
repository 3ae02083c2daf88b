// backends/wire/resp_encode.h – Appends RESP values to a string.
//
// Purpose: the parts of split commands, the handshake, and all replies that the proxy gives itself. What RESP3 writes
// in another way than RESP2 is told the version. Threads: pure functions. Promise: whatever text is given, the result
// is one whole value: line ends inside a simple string or an error become spaces, as Redis does it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ringproxy::wire {

void AppendBulk(std::string_view bytes, std::string* out);
void AppendInteger(int64_t value, std::string* out);
// `size` bytes and a line end must follow.
void AppendBulkHeader(size_t size, std::string* out);
// `count` values must follow.
void AppendArrayHeader(size_t count, std::string* out);
void AppendSimple(std::string_view text, std::string* out);
// `text` starts with its prefix: "ERR unknown command".
void AppendError(std::string_view text, std::string* out);
void AppendNilBulk(std::string* out);
void AppendNilArray(std::string* out);

// `protocol`: 2 or 3. In RESP2 they are a nil bulk, arrays and a bulk.
void AppendNil(uint8_t protocol, std::string* out);
// `pairs` keys and their values must follow.
void AppendMapHeader(size_t pairs, uint8_t protocol, std::string* out);
// `count` values must follow.
void AppendSetHeader(size_t count, uint8_t protocol, std::string* out);
// For people to read.
void AppendText(std::string_view text, uint8_t protocol, std::string* out);

}  // namespace ringproxy::wire
