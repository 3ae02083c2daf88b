#include "proxy/state/listing.h"

#include <gtest/gtest.h>

namespace ringproxy::proxy {
namespace {

TEST(PrefixCounts, AddsUpByPrefixInTheOrderOfTheFirst) {
  PrefixCounts counts;
  EXPECT_TRUE(counts.Add("PREFIX a get 1 hit 1 set 2 del 0\r\nPREFIX b get 0 hit 0 set 1 del 1\r\n"));
  EXPECT_TRUE(counts.Add("PREFIX c get 7 hit 0 set 0 del 0\r\nPREFIX a get 10 hit 4 set 0 del 3\r\n"));
  std::string out;
  counts.Append(&out);
  EXPECT_EQ(out,
            "PREFIX a get 11 hit 5 set 2 del 3\r\nPREFIX b get 0 hit 0 set 1 del 1\r\n"
            "PREFIX c get 7 hit 0 set 0 del 0\r\n");
}

TEST(PrefixCounts, TakesAPrefixThatLooksLikeCounts) {
  PrefixCounts counts;
  EXPECT_TRUE(counts.Add("PREFIX x get 1 hit 2 get 3 hit 4 set 5 del 6\r\n"));
  EXPECT_TRUE(counts.Add("PREFIX nonsense\r\n"));
  std::string out;
  counts.Append(&out);
  EXPECT_EQ(out, "PREFIX x get 1 hit 2 get 3 hit 4 set 5 del 6\r\n");
}

TEST(PrefixCounts, HasABound) {
  PrefixCounts counts;
  const auto add = [&](int i) {
    return counts.Add("PREFIX " + std::string(200, 'p') + std::to_string(i) + " get 1 hit 1 set 1 del 1\r\n");
  };
  int added = 0;
  while (added < 100'000 && add(added)) ++added;
  EXPECT_GT(added, 1000);
  EXPECT_LT(added, 6000);
  // What is known goes on being counted.
  EXPECT_TRUE(add(0));
}

}  // namespace
}  // namespace ringproxy::proxy
