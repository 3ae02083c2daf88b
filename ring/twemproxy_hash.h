// ring/twemproxy_hash.h – The key hashes of twemproxy 0.5 (src/hashkit), result for result, also where they depart from
// the functions they are named after:
//  - characters are signed, which shows in keys with bytes above 0x7f (all but md5, murmur, jenkins, crc16 and crc32a);
//  - the fnv*_64 are the low 32 bits of FNV with 64 bits;
//  - crc32 is 15 bits of CRC-32, as in libmemcached; crc32a is all of it;
//  - crc16 is CRC-16/XMODEM in a register of 32 bits that is never cut: its low 16 bits are Redis Cluster's, the upper
//    ones the program's own (earlier releases had CRC-16/ARC, in 16 bits).
// Written from the algorithms' descriptions: FNV (Fowler, Noll, Vo), MurmurHash2 (Appleby), SuperFastHash (Hsieh),
// lookup3 and one-at-a-time (Jenkins). Threads: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

namespace ringproxy::ring {

uint32_t Fnv1a64(std::string_view key);
uint32_t Fnv1a32(std::string_view key);
uint32_t Fnv164(std::string_view key);
uint32_t Fnv132(std::string_view key);
uint32_t Crc16(std::string_view key);
uint32_t Crc32(std::string_view key);
uint32_t Crc32a(std::string_view key);
uint32_t Murmur(std::string_view key);
uint32_t Hsieh(std::string_view key);
uint32_t Jenkins(std::string_view key);
uint32_t OneAtATime(std::string_view key);

}  // namespace ringproxy::ring
