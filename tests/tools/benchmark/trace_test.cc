// tests/tools/benchmark/trace_test.cc – Another program reads these bytes, so their form is pinned here.
#include "tools/benchmark/trace.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

namespace ringproxy::bench {
namespace {

std::string BytesOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Number(uint64_t number) {
  std::string bytes(sizeof number, '\0');
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

std::string Word(std::string word) {
  word.resize(16, '\0');
  return word;
}

TEST(Trace, HasARecordOfThirtyTwoBytesForEachReply) {
  const std::string path = testing::TempDir() + "trace_test";
  Trace trace(path);
  const std::string down = "-NODEDOWN node r0 of pool main is down\r\n";
  const std::string longer = "-AWORDTHATISLONGERTHANTHERECORD\r\n";
  trace.Add(5, 7, nullptr);
  trace.Add(6, 9, &down);
  trace.Add(7, 9, &longer);
  trace.Close();
  EXPECT_EQ(BytesOf(path), Number(5) + Number(7) + Word("") + Number(6) + Number(9) + Word("NODEDOWN") + Number(7) +
                               Number(9) + "AWORDTHATISLONGE");
}

}  // namespace
}  // namespace ringproxy::bench
