// backends/wire/key_mark.h – Whether a memcached value belongs to the get that it stands for.
//
// Replies belong to requests by their position alone. A server, or something between, that is out of step by one would
// hand every client a stranger's value; but a value names its key, and this much of it can be remembered of a request.
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

namespace ringproxy::wire {

// Some bits of the key of a get or gets of one key, never 0; 0 for every other request in text. For one in binary see
// BinaryMarkOf: each of its replies repeats opcode and opaque.
uint16_t KeyMarkOf(std::string_view request);

// The reply begins with the value of another key. Requires: mark is not 0.
bool NamesAnotherKey(std::string_view reply, uint16_t mark);

}  // namespace ringproxy::wire
