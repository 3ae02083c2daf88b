#include "conf/units.h"

#include <gtest/gtest.h>

#include <limits>

namespace ringproxy::conf {
namespace {

using std::chrono::microseconds;

TEST(Units, ReadDurationsInEveryUnit) {
  EXPECT_EQ(*ParseDuration("500us"), microseconds(500));
  EXPECT_EQ(*ParseDuration("20ms"), microseconds(20'000));
  EXPECT_EQ(*ParseDuration("1s"), microseconds(1'000'000));
  EXPECT_EQ(*ParseDuration("5m"), microseconds(300'000'000));
  EXPECT_EQ(*ParseDuration("1h"), microseconds(3'600'000'000));
  EXPECT_EQ(*ParseDuration("0"), microseconds(0));
  EXPECT_EQ(*ParseDuration("0ms"), microseconds(0));
  EXPECT_EQ(*ParseDuration("007ms"), microseconds(7'000));
}

TEST(Units, RefuseWhatIsNoDuration) {
  for (const char* text : {"", "5", "ms", "-5ms", "+5ms", "1.5s", "5 ms", " 5ms", "5ms ", "5MS", "5d", "1s500ms",
                           "0x5ms", "9223372036854775807s", "18446744073709551616us", "1e3ms"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
  EXPECT_EQ(ParseDuration("30").errors().text, "30 lacks a unit: us, ms, s, m or h");
}

TEST(Units, FormatTheLargestUnitThatDividesADuration) {
  EXPECT_EQ(FormatDuration(microseconds(0)), "0s");
  EXPECT_EQ(FormatDuration(microseconds(1'500)), "1500us");
  EXPECT_EQ(FormatDuration(microseconds(1'500'000)), "1500ms");
  EXPECT_EQ(FormatDuration(microseconds(90'000'000)), "90s");
  EXPECT_EQ(FormatDuration(microseconds(7'200'000'000)), "2h");
}

TEST(Units, ReadSizesInEveryUnit) {
  EXPECT_EQ(*ParseSize("0"), 0U);
  EXPECT_EQ(*ParseSize("1000"), 1000U);
  EXPECT_EQ(*ParseSize("7B"), 7U);
  EXPECT_EQ(*ParseSize("64KiB"), 65536U);
  EXPECT_EQ(*ParseSize("1MiB"), 1048576U);
  EXPECT_EQ(*ParseSize("2GiB"), 2147483648U);
  EXPECT_EQ(*ParseSize("1TiB"), 1099511627776U);
}

TEST(Units, RefuseWhatIsNoSize) {
  for (const char* text : {"", "KiB", "1KB", "1kib", "1K", "-1", "1.5MiB", "1 MiB", "8388608TiB",
                           "18446744073709551615", "99999999999999999999"}) {
    EXPECT_FALSE(ParseSize(text).ok()) << text;
  }
}

TEST(Units, ReadRatiosAsSharesPercentagesAndFactors) {
  EXPECT_EQ(ParseRatio("0")->thousandths, 0U);
  EXPECT_EQ(ParseRatio("0.5")->thousandths, 500U);
  EXPECT_EQ(ParseRatio("50%")->thousandths, 500U);
  EXPECT_EQ(ParseRatio("12.5%")->thousandths, 125U);
  EXPECT_EQ(ParseRatio("1.25")->thousandths, 1250U);
  EXPECT_EQ(ParseRatio("1.005")->thousandths, 1005U);
  EXPECT_EQ(ParseRatio("3")->thousandths, 3000U);
}

TEST(Units, RefuseWhatIsNoRatio) {
  for (const char* text : {"", "%", ".5", "5.", "1.", "-1", "+1", "0.5 ", "1.2345", "1.25%", "1e3", "50%%", "1,5",
                           "99999999", "18446744073709551616"}) {
    EXPECT_FALSE(ParseRatio(text).ok()) << text;
  }
  EXPECT_EQ(ParseRatio("half").errors().text, "half is not a ratio such as 0.5 or 50%");
}

TEST(Units, GiveBackEveryRatioTheyFormatted) {
  for (uint32_t thousandths = 0; thousandths < 20'000; ++thousandths) {
    EXPECT_EQ(ParseRatio(FormatPercent({thousandths}))->thousandths, thousandths);
    EXPECT_EQ(ParseRatio(FormatFactor({thousandths}))->thousandths, thousandths);
  }
}

TEST(Units, ReadAndFormatRates) {
  EXPECT_EQ(*ParseRate("5000/s"), (Rate{5000, microseconds(1'000'000)}));
  EXPECT_EQ(*ParseRate("300/m"), (Rate{300, microseconds(60'000'000)}));
  for (const char* text : {"0/s", "5000/s", "300/m", "1/h", "7/d"}) EXPECT_EQ(FormatRate(*ParseRate(text)), text);
  for (const char* text : {"", "5", "/s", "5/", "5/ms", "5 /s", "-5/s", "5/s/s", "1.5/s"}) {
    EXPECT_FALSE(ParseRate(text).ok()) << text;
  }
  EXPECT_EQ(ParseRate("5/ms").errors().text, "5/ms is not a rate such as 5000/s; it may be per s, m, h or d");
}

TEST(Units, ReadCountsOfDigitsAlone) {
  EXPECT_EQ(*ParseCount("0"), 0U);
  EXPECT_EQ(*ParseCount("18446744073709551615"), std::numeric_limits<uint64_t>::max());
  for (const char* text : {"", "-1", "+1", "1 ", " 1", "1k", "0x1", "1.0", "18446744073709551616"}) {
    EXPECT_FALSE(ParseCount(text).ok()) << text;
  }
}

TEST(Units, ReadAndFormatModesOfFiles) {
  EXPECT_EQ(*ParseFileMode("0660"), 0660U);
  EXPECT_EQ(*ParseFileMode("0000"), 0U);
  EXPECT_EQ(*ParseFileMode("01777"), 01777U);
  EXPECT_EQ(FormatFileMode(0007), "0007");
  EXPECT_EQ(FormatFileMode(01000), "01000");
  for (uint32_t mode = 0; mode <= 0777; ++mode) EXPECT_EQ(*ParseFileMode(FormatFileMode(mode)), mode);
  // 432 is what a reader of YAML makes of 0660.
  for (const char* text : {"", "432", "660", "0668", "1660", "000000660", "0o660", "rw-r", "-660", "066 "}) {
    EXPECT_FALSE(ParseFileMode(text).ok()) << text;
  }
}

TEST(Units, NameOneThingAsOne) {
  EXPECT_EQ(FormatNumberOf(0, "line"), "0 lines");
  EXPECT_EQ(FormatNumberOf(1, "line"), "1 line");
  EXPECT_EQ(FormatNumberOf(20, "more line"), "20 more lines");
}

TEST(Units, GiveBackEveryValueTheyFormatted) {
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  for (uint64_t value = 0; value < kMost / 3; value = value * 3 + 1) {
    for (const uint64_t factor : {uint64_t{1}, uint64_t{1000}, uint64_t{1024}, uint64_t{60'000'000}}) {
      if (value > kMost / factor) continue;
      const uint64_t exact = value * factor;
      EXPECT_EQ(*ParseSize(FormatSize(exact)), exact);
      const microseconds duration(exact);
      EXPECT_EQ(*ParseDuration(FormatDuration(duration)), duration);
    }
  }
}

}  // namespace
}  // namespace ringproxy::conf
