// ring/mix.h – A mixer of 64 bits: makes another well-mixed value of one that is used up, or of two that meet.
//
// It is fmix64, the finalizer of MurmurHash3 (Austin Appleby, public domain): a bijection, so distinct values stay so.
// Threads: a pure function. Promise: it never changes; rings rest on it.
#pragma once

#include <cstdint>

namespace ringproxy::ring {

constexpr uint64_t Mix(uint64_t value) {
  value = (value ^ value >> 33) * 0xff51afd7ed558ccd;
  value = (value ^ value >> 33) * 0xc4ceb9fe1a85ec53;
  return value ^ value >> 33;
}

}  // namespace ringproxy::ring
