#include "backends/wire/integer.h"

#include <gtest/gtest.h>

namespace ringproxy::wire {
namespace {

TEST(ParseInteger, TakesOneSpellingOfEachValueAndNothingElse) {
  EXPECT_EQ(ParseInteger("0"), 0);
  EXPECT_EQ(ParseInteger("7"), 7);
  EXPECT_EQ(ParseInteger("-7"), -7);
  EXPECT_EQ(ParseInteger("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(ParseInteger("-9223372036854775808"), INT64_MIN);
  for (const char* text : {"", "-", "+1", "-0", "00", "01", "-01", " 1", "1 ", "1x", "x", "--1", "0x10", "1e3",
                           "9223372036854775808", "-9223372036854775809", "99999999999999999999999"}) {
    EXPECT_FALSE(ParseInteger(text)) << text;
  }
}

TEST(ParseMemcacheNumber, TakesLeadingZerosAndAPlusWithinTheRangeOfItsType) {
  EXPECT_EQ(ParseMemcacheNumber<int32_t>("007"), 7);
  EXPECT_EQ(ParseMemcacheNumber<int32_t>("+7"), 7);
  EXPECT_EQ(ParseMemcacheNumber<int32_t>("-0"), 0);
  EXPECT_EQ(ParseMemcacheNumber<int32_t>("-2147483648"), INT32_MIN);
  EXPECT_EQ(ParseMemcacheNumber<uint64_t>("18446744073709551615"), UINT64_MAX);
  EXPECT_FALSE(ParseMemcacheNumber<uint32_t>("-1"));
  for (const char* text : {"", "+", "-", "+-1", "++1", "1x", "1\t", " 1", "2147483648"}) {
    EXPECT_FALSE(ParseMemcacheNumber<int32_t>(text)) << text;
  }
}

TEST(ReadPlainCount, ReadsACompleteLineOrNothing) {
  const auto read = [](std::string_view text) -> int64_t {
    uint64_t value = 0;
    const char* after = ReadPlainCount(text.data(), text.data() + text.size(), &value);
    return after == text.data() + text.size() ? static_cast<int64_t>(value) : -1;
  };
  EXPECT_EQ(read("0\r\n"), 0);
  EXPECT_EQ(read("10\r\n"), 10);
  EXPECT_EQ(read("999999999999999999\r\n"), 999999999999999999);
  for (const char* text : {"", "\r\n", "1", "1\r", "1\n", "1\r\r", "01\r\n", "00\r\n", "-1\r\n", "+1\r\n", "1x\r\n",
                           "1000000000000000000\r\n", "18446744073709551617\r\n"}) {
    EXPECT_EQ(read(text), -1) << text;
  }
}

// One digit or two are read on a way of their own.
TEST(ReadPlainCount, ReadsShortCountsAsItReadsLongOnes) {
  const std::string alphabet = "01923\r\n-x";
  for (size_t number = 0; number < 59049; ++number) {
    std::string text;
    for (size_t rest = number; text.size() < 5; rest /= alphabet.size()) text += alphabet[rest % alphabet.size()];
    for (size_t size = 0; size <= text.size(); ++size) {
      uint64_t short_value = 0;
      uint64_t long_value = 0;
      const char* const end = text.data() + size;
      EXPECT_EQ(ReadPlainCount(text.data(), end, &short_value), ReadLongCount(text.data(), end, &long_value)) << text;
      EXPECT_EQ(short_value, long_value) << text;
    }
  }
}

}  // namespace
}  // namespace ringproxy::wire
