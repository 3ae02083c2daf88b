#include "tools/ringskew/records.h"

#include <gtest/gtest.h>

namespace ringproxy::ringskew {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// All records of a text that comes in pieces of `piece` bytes, and behind them, if there is one, the error.
Rows ReadInPieces(std::string_view text, const RecordShape& shape, size_t piece) {
  Records records;
  Records::Fields fields;
  Rows rows;
  std::string scratch;
  while (true) {
    const RecordStatus status = records.Peek(shape, &fields);
    if (status == RecordStatus::kRecord) {
      std::vector<std::string>& row = rows.emplace_back();
      for (const RecordField& field : fields) row.emplace_back(TextOf(field, &scratch));
      records.Take();
    } else if (status == RecordStatus::kNeedMore) {
      records.Append(text.substr(0, piece));
      text.remove_prefix(std::min(piece, text.size()));
      if (text.empty()) records.Finish();
    } else {
      if (status == RecordStatus::kBad) rows.push_back({std::to_string(records.line()) + ": " + records.why()});
      return rows;
    }
  }
}

// The same in pieces of any size.
Rows Read(std::string_view text, const RecordShape& shape) {
  const Rows whole = ReadInPieces(text, shape, text.size() + 1);
  for (size_t piece = 1; piece <= text.size(); ++piece) EXPECT_EQ(ReadInPieces(text, shape, piece), whole) << piece;
  return whole;
}

constexpr RecordShape kCsv{.delimiter = ',', .quotes = true};

TEST(Records, AreLinesWithFields) {
  EXPECT_EQ(Read("a\tb\r\n\n\r\nc\n\td\t", {}), (Rows{{"a", "b"}, {"c"}, {"", "d", ""}}));
  EXPECT_EQ(Read("a\tb\tc\td\n", {.most_fields = 2}), (Rows{{"a", "b\tc\td"}}));
  EXPECT_EQ(Read("\"a\tb\"\n", {}), (Rows{{"\"a", "b\""}}));
  EXPECT_EQ(Read("a\rb\n", {}), (Rows{{"a\rb"}}));
  EXPECT_EQ(Read("", {}), Rows{});
}

TEST(Records, MayHoldDelimitersQuotesAndLineEndsInQuotes) {
  EXPECT_EQ(Read("\"a,b\",c\r\n\"d \"\"e\"\"\",\"\"\n\"f\r\ng\n\",h\n", kCsv),
            (Rows{{"a,b", "c"}, {"d \"e\"", ""}, {"f\r\ng\n", "h"}}));
  EXPECT_EQ(Read("\"\"\n\"\"\"\"", kCsv), (Rows{{""}, {"\""}}));
  EXPECT_EQ(Read(",\n,,", kCsv), (Rows{{"", ""}, {"", "", ""}}));
  EXPECT_EQ(Read("a,b\r", kCsv), (Rows{{"a", "b"}}));
}

TEST(Records, LeaveAByteOrderMarkOut) {
  EXPECT_EQ(Read("\xef\xbb\xbf\"a\",b\n", kCsv), (Rows{{"a", "b"}}));
  EXPECT_EQ(Read("a\n\xef\xbb\xbf"
                 "b",
                 {}),
            (Rows{{"a"},
                  {"\xef\xbb\xbf"
                   "b"}}));
}

TEST(Records, SayOnWhichLineTheyAreWrong) {
  EXPECT_EQ(Read("\"a\n\",b\n\"c\"d\n", kCsv),
            (Rows{{"a\n", "b"}, {"3: has text behind the closing quote of its field 1"}}));
  EXPECT_EQ(Read("a\n\nb,\"c\nd", kCsv), (Rows{{"a"}, {"3: has a quote, opened on line 3, that is never closed"}}));
  EXPECT_EQ(Read("\"a\n\n\",\"b\n", kCsv), (Rows{{"1: has a quote, opened on line 3, that is never closed"}}));
}

TEST(Records, CanBeLookedAtInSeveralShapes) {
  Records records;
  records.Append("a;b,c\nd");
  Records::Fields fields;
  EXPECT_EQ(records.Peek(kCsv, &fields), RecordStatus::kRecord);
  EXPECT_EQ(fields[0].text, "a;b");
  EXPECT_EQ(records.Peek({.delimiter = ';', .quotes = true}, &fields), RecordStatus::kRecord);
  EXPECT_EQ(fields[1].text, "b,c");
  records.Take();
  EXPECT_EQ(records.Peek(kCsv, &fields), RecordStatus::kNeedMore);
  records.Finish();
  EXPECT_EQ(records.Peek(kCsv, &fields), RecordStatus::kRecord);
  EXPECT_EQ(fields[0].text, "d");
  EXPECT_EQ(records.line(), 2U);
}

}  // namespace
}  // namespace ringproxy::ringskew
