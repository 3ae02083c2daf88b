// ring/sha1.h – SHA-1 (FIPS 180), by which Redis names scripts. With md5 the only door to OpenSSL in this folder.
//
// Threads: a pure function. Not for secrets: SHA-1 is broken as a cryptographic hash.
#pragma once

#include <string>
#include <string_view>

namespace ringproxy::ring {

// The digest in 40 lower-case digits.
std::string Sha1Hex(std::string_view bytes);

}  // namespace ringproxy::ring
