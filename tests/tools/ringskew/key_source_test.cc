#include "tools/ringskew/key_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <vector>

namespace ringproxy::ringskew {
namespace {

class KeySourceTest : public testing::Test {
 protected:
  ~KeySourceTest() override { std::remove(path_.c_str()); }

  // Every key as "key requests bytes", or the error.
  std::vector<std::string> Read(const std::string& content, const KeyFormat& format = {}) {
    std::ofstream(path_, std::ios::binary) << content;
    std::vector<std::string> keys;
    const auto error = ForEachKey(
        {path_, format},
        [&](const KeySample& sample) {
          keys.push_back(std::string(sample.key) + " " + std::to_string(static_cast<int>(sample.requests)) + " " +
                         std::to_string(static_cast<int>(sample.bytes)));
        },
        [](uint64_t) {});
    if (error) return {error->substr(path_.size())};
    return keys;
  }

  std::string path_ =
      testing::TempDir() + "ringskew_keys_" + testing::UnitTest::GetInstance()->current_test_info()->name();
};

using KeyLines = std::vector<std::string>;

TEST_F(KeySourceTest, ReadsPlainKeysWeightsAndBytes) {
  EXPECT_EQ(Read("a\nb c\r\n\nd"), (KeyLines{"a 1 0", "b c 1 0", "d 1 0"}));
  EXPECT_EQ(Read("a\t5\nb\t7\t1000\n"), (KeyLines{"a 5 0", "b 7 1000"}));
}

TEST_F(KeySourceTest, ReadsTheNamedColumnsOfALog) {
  const std::string log = "time,key,hits,size\n10:00,a,3,50\n10:01,b,4,60\n";
  EXPECT_EQ(Read(log, {"key", "", ""}), (KeyLines{"a 1 0", "b 1 0"}));
  EXPECT_EQ(Read(log, {"key", "hits", "size"}), (KeyLines{"a 3 50", "b 4 60"}));
  EXPECT_EQ(Read("\n\r\n" + log, {"key", "hits", "size"}), (KeyLines{"a 3 50", "b 4 60"}));
  EXPECT_EQ(Read("GET a 3\nGET b 4\n", {"2", "3", ""}), (KeyLines{"a 3 0", "b 4 0"}));
}

TEST_F(KeySourceTest, SaysWhereTheInputIsWrong) {
  EXPECT_EQ(Read("a\nb\tmany\n"), (KeyLines{":2: the line has the weight 'many'"}));
  EXPECT_EQ(Read("a\nb\t-1\n"), (KeyLines{":2: the line has the weight '-1'"}));
  EXPECT_EQ(Read("k,v\na,1\n", {"key", "", ""}), (KeyLines{": no column is called key in the first line: k,v"}));
  EXPECT_EQ(Read("GET a\nGET\n", {"2", "", ""}), (KeyLines{":2: the line has no column 2"}));
  EXPECT_EQ(Read("GET a x\n", {"2", "3", ""}), (KeyLines{":1: the line has the weight 'x'"}));
  EXPECT_EQ(Read(""), (KeyLines{": no keys in it"}));
  EXPECT_EQ(Read("\n\n"), (KeyLines{": no keys in it"}));
}

TEST_F(KeySourceTest, ReadsKeysThatLieAcrossItsPieces) {
  std::string content;
  KeyLines expected;
  for (int i = 0; i < 3; ++i) {
    const std::string key(700'000, static_cast<char>('a' + i));
    content += key + "\n";
    expected.push_back(key + " 1 0");
  }
  EXPECT_EQ(Read(content), expected);
}

TEST(SyntheticKeys, AreAsManyAndAsSkewedAsAsked) {
  double total = 0;
  std::vector<double> weights;
  const auto visit = [&](const KeySample& sample) {
    weights.push_back(sample.requests);
    total += sample.requests;
  };
  EXPECT_FALSE(ForEachKey({"1000:uniform", {}}, visit, [](uint64_t) {}));
  EXPECT_EQ(weights.size(), 1000U);
  EXPECT_DOUBLE_EQ(total, 1000);
  weights.clear();
  EXPECT_FALSE(ForEachKey({"1000:zipf:1", {}}, visit, [](uint64_t) {}));
  EXPECT_NEAR(weights[0] / weights[9], 10, 1e-9);
  EXPECT_TRUE(ForEachKey({"1000:wild", {}}, visit, [](uint64_t) {}));  // A file that is not there.
}

TEST(SyntheticKeys, ShowTheirProgress) {
  std::vector<uint64_t> bytes;
  EXPECT_FALSE(ForEachKey(
      {"200000:uniform", {}}, [](const KeySample&) {}, [&](uint64_t b) { bytes.push_back(b); }));
  EXPECT_GE(bytes.size(), 3U);
  EXPECT_TRUE(std::ranges::is_sorted(bytes));
}

}  // namespace
}  // namespace ringproxy::ringskew
