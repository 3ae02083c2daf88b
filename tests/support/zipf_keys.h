// tests/support/zipf_keys.h – Requests as caches see them: the k-th of n keys has a chance in proportion to 1 / k^s.
//
// Threads: one owner. Promise: equal seeds give equal requests.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace ringproxy::test {

class ZipfKeys {
 public:
  ZipfKeys(size_t keys, double exponent, uint64_t seed);

  // The key of the next request; 0 is the most frequent.
  size_t Next();

 private:
  // Walker's alias method: a throw hits a column; above its height lies another key. One look, however many keys.
  struct Column {
    double height = 1;
    uint32_t above = 0;
  };
  std::mt19937_64 random_;
  std::vector<Column> columns_;
};

}  // namespace ringproxy::test
