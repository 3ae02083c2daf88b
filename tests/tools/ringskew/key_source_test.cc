#include "tools/ringskew/key_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

#include "tools/ringskew/records.h"

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
          std::ostringstream line;
          line << sample.key << ' ' << sample.requests << ' ' << sample.bytes;
          keys.push_back(line.str());
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

TEST_F(KeySourceTest, ReadsCsvAsTheRfcHasIt) {
  const KeyFormat named{"key", "hits", ""};
  const KeyLines expected = {"a,1 2 0", "b \"x\" 3 0", "c\nd 4 0", "e 5 0"};
  const std::string lines = "key,hits\n\"a,1\",2\n\"b \"\"x\"\"\",3\n\"c\nd\",4\ne,\"5\"\n";
  EXPECT_EQ(Read(lines, named), expected);
  EXPECT_EQ(Read("\xef\xbb\xbf" + lines, named), expected);
  EXPECT_EQ(Read("\"key\",\"hits\"" + lines.substr(8), named), expected);
  std::string crlf;
  for (const char c : lines) crlf += c == '\n' ? "\r\n" : std::string(1, c);
  EXPECT_EQ(Read(crlf, named), (KeyLines{"a,1 2 0", "b \"x\" 3 0", "c\r\nd 4 0", "e 5 0"}));
  EXPECT_EQ(Read("\n\r\n" + lines + "\n\n", named), expected);
  EXPECT_EQ(Read(lines.substr(0, lines.size() - 1), named), expected);
  EXPECT_EQ(Read("key,hits\n,3\n\"\",4\n", named), (KeyLines{" 3 0", " 4 0"}));
  EXPECT_EQ(Read("hits;key\n2;\"a;b\"\n3;c,d\n", named), (KeyLines{"a;b 2 0", "c,d 3 0"}));
  EXPECT_EQ(Read("hits\tkey\n2\t\"a\tb\"\n", named), (KeyLines{"a\tb 2 0"}));
  EXPECT_EQ(Read("key\n\"a,1\"\nb c\n", {"key", "", ""}), (KeyLines{"a,1 1 0", "b c 1 0"}));
  EXPECT_EQ(Read("\"a,1\",7\n\"b\",8\n", {"1", "2", ""}), (KeyLines{"a,1 7 0", "b 8 0"}));
}

TEST_F(KeySourceTest, SaysWhichLineIsNoCsv) {
  const KeyFormat named{"key", "hits", ""};
  const std::string head = "key,hits\n\"a\nb\",1\n";  // Three lines.
  EXPECT_EQ(Read(head + "a,1,2\n", named), (KeyLines{":4: the line has 3 fields, and the first line has 2"}));
  EXPECT_EQ(Read(head + "a\n", named), (KeyLines{":4: the line has 1 fields, and the first line has 2"}));
  EXPECT_EQ(Read(head + "\"a\"b,1\n", named),
            (KeyLines{":4: the line has text behind the closing quote of its field 1"}));
  EXPECT_EQ(Read(head + "a\"b,1\n", named),
            (KeyLines{":4: the line has a quote inside its field 1, which does not begin with one; --no-quotes takes "
                      "quotes for bytes like others"}));
  EXPECT_EQ(Read(head + "x,1\n\"a,\n1\nz,2\n", named),
            (KeyLines{":5: the line has a quote, opened on line 5, that is never closed"}));
  EXPECT_EQ(Read(head + "x,\"many\"\n", named), (KeyLines{":4: the line has the weight 'many'"}));
}

TEST_F(KeySourceTest, TakesQuotesForBytesWhereTold) {
  KeyFormat format{"key", "hits", ""};
  format.quotes = false;
  EXPECT_EQ(Read("key,hits\na\"b,1\n\"c\",2\n", format), (KeyLines{"a\"b 1 0", "\"c\" 2 0"}));
  // Words between spaces are no CSV, and neither is a list of keys.
  EXPECT_EQ(Read("GET \"a 3\n", {"2", "3", ""}), (KeyLines{"\"a 3 0"}));
  EXPECT_EQ(Read("\"a\n{\"id\":1}\n"), (KeyLines{"\"a 1 0", "{\"id\":1} 1 0"}));
}

TEST_F(KeySourceTest, PartsColumnsByTheDelimiterThatItIsTold) {
  KeyFormat format{"1", "2", ""};
  format.delimiter = '|';
  EXPECT_EQ(Read("a b,c|5\n", format), (KeyLines{"a b,c 5 0"}));
}

TEST_F(KeySourceTest, KnowsAByteOrderMarkInAListOfKeys) {
  EXPECT_EQ(Read("\xef\xbb\xbf"
                 "a\na\n"),
            (KeyLines{"a 1 0", "a 1 0"}));
  EXPECT_EQ(Read("\xef\xbb\xbf"), (KeyLines{": no keys in it"}));
  EXPECT_EQ(Read("\xef\xbb"), (KeyLines{"\xef\xbb 1 0"}));
}

TEST_F(KeySourceTest, RefusesWhatIsNoText) {
  for (const auto& [begin, word] : {std::pair<std::string, const char*>{"\x1f\x8b\x08", "gzip"},
                                    {"\x28\xb5\x2f\xfd", "zstd"},
                                    {"PK\x03\x04", "workbook"},
                                    {"\xff\xfe"
                                     "a",
                                     "UTF-16"}}) {
    const KeyLines found = Read(begin + "x\n");
    ASSERT_EQ(found.size(), 1U);
    EXPECT_NE(found[0].find(word), std::string::npos) << found[0];
  }
}

TEST_F(KeySourceTest, RefusesLinesThatAreTooLong) {
  const std::string mega(Records::kLongest + 1, 'x');
  EXPECT_EQ(Read("a\n" + mega + "\nb\n").back(), ":2: the line is longer than the most, 1 MiB");
  EXPECT_EQ(Read("key,hits\n" + mega + ",1\n", {"key", "", ""}).back(), ":2: the line is longer than the most, 1 MiB");
  EXPECT_EQ(Read("key,hits\na,1\n\"" + mega + "\n" + mega, {"key", "", ""}).back(),
            ":3: the line has a quote, opened on line 3, that is not closed within 1 MiB");
  const std::string longest(Records::kLongest, 'x');
  EXPECT_EQ(Read(longest + "\r\nb"), (KeyLines{longest + " 1 0", "b 1 0"}));
}

TEST_F(KeySourceTest, RefusesWeightsOfWhichNothingCanBeSaid) {
  EXPECT_EQ(Read("a\t0\nb\t0\n").back(), ": all weights are 0, and nothing can be said of a load that is none");
  EXPECT_EQ(Read("a\t1.7e308\nb\t1.7e308\n").back(),
            ":2: the weights up to this line add up to more than 1.8e308, the most that a number can hold; divide them "
            "all");
  EXPECT_EQ(Read("a\t1\t1.7e308\nb\t1\t1.7e308\n").back().substr(0, 33), ":2: the sizes up to this line add");
  for (const char* bad : {"nan", "inf", "-inf", "-1", "0x10", "1e999", "", " 5", "1,5"}) {
    EXPECT_EQ(Read("a\t1\nb\t" + std::string(bad) + "\n").back(),
              ":2: the line has the weight '" + std::string(bad) + "'");
  }
  EXPECT_EQ(Read("a\t\x1b[2J\n").back(), ":1: the line has the weight '\\x1b[2J'");
  EXPECT_LT(Read("a\t" + std::string(300'000, 'z') + "\n").back().size(), 200U);
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

TEST_F(KeySourceTest, TellsACompressedFileByHoweverFewBytesAtATime) {
  for (const std::string text : {"\x1f\x8b\x08\n", "PK\x03\x04\n"}) {
    const auto error = ForEachKeyOf(
        [&, at = size_t{0}]() mutable {
          return at < text.size() ? std::string_view(text).substr(at++, 1) : std::string_view();
        },
        {"keys", {}}, [](const KeySample& sample) { ADD_FAILURE() << sample.key; });
    EXPECT_THAT(error.value_or(""), testing::AnyOf(testing::HasSubstr("gzip"), testing::HasSubstr("zip archive")));
  }
}

}  // namespace
}  // namespace ringproxy::ringskew
