#include "tools/ringskew/records.h"

#include <algorithm>
#include <utility>

namespace ringproxy::ringskew {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

void Records::Append(std::string_view text) {
  // Erased once a piece and not once a record, since each erase moves the rest.
  text_.erase(0, std::exchange(begin_, 0));
  text_.append(text);
}

RecordStatus Records::Bad(std::string why) {
  why_ = std::move(why);
  return RecordStatus::kBad;
}

RecordStatus Records::Incomplete(bool in_quotes) {
  if (rest().size() > kLongest) {
    return in_quotes
               ? Bad("has a quote, opened on line " + std::to_string(quote_line_) + ", that is not closed within 1 MiB")
               : Bad("is longer than the most, 1 MiB");
  }
  if (!finished_) return RecordStatus::kNeedMore;
  return Bad("has a quote, opened on line " + std::to_string(quote_line_) + ", that is never closed");
}

RecordStatus Records::SkipEmptyLines() {
  if (!knows_mark_) {
    const bool may_be_mark = kByteOrderMark.starts_with(rest().substr(0, kByteOrderMark.size()));
    if (may_be_mark && rest().size() < kByteOrderMark.size() && !finished_) return RecordStatus::kNeedMore;
    if (rest().starts_with(kByteOrderMark)) begin_ += kByteOrderMark.size();
    knows_mark_ = true;
  }
  while (true) {
    const std::string_view text = rest();
    if (text.starts_with("\r\n")) {
      begin_ += 2;
    } else if (text.starts_with('\n')) {
      begin_ += 1;
    } else if (text.empty() || (text == "\r" && finished_)) {
      return finished_ ? RecordStatus::kEnd : RecordStatus::kNeedMore;
    } else if (text == "\r") {
      return RecordStatus::kNeedMore;
    } else {
      return RecordStatus::kRecord;
    }
    ++line_;
  }
}

RecordStatus Records::Peek(const RecordShape& shape, Fields* fields) {
  fields->clear();
  const RecordStatus status = SkipEmptyLines();
  if (status != RecordStatus::kRecord) return status;
  return shape.quotes ? PeekQuoted(shape, fields) : PeekLine(shape, fields);
}

void Records::Take() {
  begin_ += std::exchange(size_, 0);
  line_ += std::exchange(breaks_, 0);
}

RecordStatus Records::PeekLine(const RecordShape& shape, Fields* fields) {
  std::string_view line = rest();
  const size_t end = line.find('\n');
  // One more may be the line end's first byte.
  if (end == std::string_view::npos && !finished_ && line.size() <= kLongest + 1) return RecordStatus::kNeedMore;
  line = line.substr(0, end);
  size_ = end == std::string_view::npos ? line.size() : end + 1;
  breaks_ = 1;
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() > kLongest) return Bad("is longer than the most, 1 MiB");
  while (fields->size() + 1 < shape.most_fields) {
    const size_t field = line.find(shape.delimiter);
    if (field == std::string_view::npos) break;
    fields->push_back({line.substr(0, field)});
    line.remove_prefix(field + 1);
  }
  fields->push_back({line});
  return RecordStatus::kRecord;
}

RecordStatus Records::PeekQuoted(const RecordShape& shape, Fields* fields) {
  const std::string_view text = rest();
  breaks_ = 0;
  for (size_t at = 0;; ++at) {
    const bool quoted = at < text.size() && text[at] == '"';
    const RecordStatus status = quoted ? ReadQuoted(&at, fields) : ReadBare(shape.delimiter, &at, fields);
    if (status != RecordStatus::kRecord) return status;
    if (at < text.size() && text[at] == shape.delimiter) continue;
    size_t end = at;
    if (text.substr(end).starts_with('\r')) ++end;
    const bool at_line_end = end < text.size() && text[end] == '\n';
    if (!at_line_end && end == text.size() && !finished_) return Incomplete(false);
    if (!at_line_end && end < text.size()) {
      return Bad("has text behind the closing quote of its field " + std::to_string(fields->size()));
    }
    size_ = at_line_end ? end + 1 : end;
    if (size_ > kLongest + 2) return Bad("is longer than the most, 1 MiB");
    ++breaks_;
    return RecordStatus::kRecord;
  }
}

RecordStatus Records::ReadQuoted(size_t* at, Fields* fields) {
  const std::string_view text = rest();
  const size_t begin = *at + 1;
  quote_line_ = line_ + breaks_;
  bool doubled = false;
  size_t quote = text.find('"', begin);
  for (; quote != std::string_view::npos; quote = text.find('"', quote + 2)) {
    // The piece may end between two quotes that belong together.
    if (quote + 1 == text.size() && !finished_) return Incomplete(true);
    if (quote + 1 == text.size() || text[quote + 1] != '"') break;
    doubled = true;
  }
  if (quote == std::string_view::npos) return Incomplete(true);
  fields->push_back({text.substr(begin, quote - begin), doubled});
  breaks_ += static_cast<uint64_t>(std::ranges::count(fields->back().text, '\n'));
  *at = quote + 1;
  return RecordStatus::kRecord;
}

RecordStatus Records::ReadBare(char delimiter, size_t* at, Fields* fields) {
  const std::string_view text = rest();
  const auto stops = [delimiter](char c) { return c == delimiter || c == '\n' || c == '"'; };
  const auto end = static_cast<size_t>(std::ranges::find_if(text.substr(*at), stops) - text.begin());
  if (end == text.size() && !finished_) return Incomplete(false);
  if (end < text.size() && text[end] == '"') {
    return Bad("has a quote inside its field " + std::to_string(fields->size() + 1) +
               ", which does not begin with one; --no-quotes takes quotes for bytes like others");
  }
  std::string_view field = text.substr(*at, end - *at);
  *at = end;
  if (field.ends_with('\r') && (end == text.size() || text[end] == '\n')) {
    field.remove_suffix(1);
    --*at;
  }
  fields->push_back({field});
  return RecordStatus::kRecord;
}

std::string_view TextOf(const RecordField& field, std::string* scratch) {
  if (!field.doubled) return field.text;
  scratch->clear();
  for (size_t i = 0; i < field.text.size(); ++i) {
    *scratch += field.text[i];
    if (field.text[i] == '"') ++i;
  }
  return *scratch;
}

std::optional<std::string> WhyNoText(std::string_view begin) {
  if (begin.starts_with("\x1f\x8b")) return "is compressed by gzip; gunzip -c FILE | ringskew … --keys - reads it";
  if (begin.starts_with("\x28\xb5\x2f\xfd"))
    return "is compressed by zstd; zstd -dc FILE | ringskew … --keys - reads it";
  if (begin.starts_with("PK\x03\x04")) return "is a zip archive or a workbook, not text; save it as CSV in UTF-8";
  if (begin.starts_with("\xff\xfe") || begin.starts_with("\xfe\xff")) {
    return "is UTF-16, and keys would not be the bytes that clients send; "
           "iconv -f UTF-16 -t UTF-8 FILE | ringskew … --keys - reads it";
  }
  return std::nullopt;
}

}  // namespace ringproxy::ringskew
