// ring/md5.h – MD5 (RFC 1321), by which ketama places its points. With sha1 the only door to OpenSSL in this folder.
//
// Threads: a pure function. Not for secrets: MD5 is broken as a cryptographic hash.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace ringproxy::ring {

// The digest as four little-endian words, as ketama reads it.
std::array<uint32_t, 4> Md5(std::string_view bytes);

}  // namespace ringproxy::ring
