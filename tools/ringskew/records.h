// tools/ringskew/records.h – A text that comes in pieces, cut into records of fields: lines, or CSV as RFC 4180 has it.
//
// With quotes: a field that begins with a quote ends at the next single one; two of them within stand for one, and
// delimiters and line breaks within belong to the field. A quote anywhere else is an error and not a guess. Lines end
// with LF or CRLF. Empty lines are no records, and a byte-order mark of UTF-8 is no part of the first one.
// Threads: one owner. Memory: a piece and the longest record; a longer one is an error before it has been read whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringproxy::ringskew {

struct RecordShape {
  char delimiter = '\t';
  bool quotes = false;
  size_t most_fields = SIZE_MAX;  // The last one takes what is left of the line; without quotes only.
};

struct RecordField {
  std::string_view text;  // Without its quotes.
  bool doubled = false;   // Quotes within are still two.
};

enum class RecordStatus : uint8_t { kRecord, kNeedMore, kEnd, kBad };

class Records {
 public:
  static constexpr size_t kLongest = size_t{1} << 20;

  using Fields = std::vector<RecordField>;

  void Append(std::string_view text);
  // Nothing follows.
  void Finish() { finished_ = true; }

  // The next record, which is not taken: it may be looked at in several shapes.
  RecordStatus Peek(const RecordShape& shape, Fields* fields);
  // Takes the record that Peek has shown. Its fields stay until the next Append.
  void Take();

  // Of the record that Peek has shown: the line on which it begins, from 1, and what is wrong, in words.
  uint64_t line() const { return line_; }
  const std::string& why() const { return why_; }

 private:
  RecordStatus SkipEmptyLines();
  RecordStatus PeekLine(const RecordShape& shape, Fields* fields);
  RecordStatus PeekQuoted(const RecordShape& shape, Fields* fields);
  // Both read one field at `at` of the rest, and say where it ends. An unquoted field takes no line end along.
  RecordStatus ReadQuoted(size_t* at, Fields* fields);
  RecordStatus ReadBare(char delimiter, size_t* at, Fields* fields);
  // The record goes on behind what is there; or it is too long, or the text is at its end.
  RecordStatus Incomplete(bool in_quotes);
  RecordStatus Bad(std::string why);
  std::string_view rest() const { return std::string_view(text_).substr(begin_); }

  std::string text_;
  size_t begin_ = 0;  // Of what was not taken.
  bool finished_ = false;
  bool knows_mark_ = false;  // A byte-order mark has been looked for.
  uint64_t line_ = 1;
  size_t size_ = 0;          // Of the record that Peek has shown, with its line end.
  uint64_t breaks_ = 0;      // Line ends of that record.
  uint64_t quote_line_ = 0;  // Where the field in quotes begins that is being read.
  std::string why_;
};

// The field's text; `scratch` keeps it where its doubled quotes had to become single ones.
std::string_view TextOf(const RecordField& field, std::string* scratch);

// Why a file that begins so holds no lines of text: it is compressed, or UTF-16.
std::optional<std::string> WhyNoText(std::string_view begin);

}  // namespace ringproxy::ringskew
