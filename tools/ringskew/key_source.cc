#include "tools/ringskew/key_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "tools/ringskew/records.h"
#include "tools/ringskew/shown_name.h"

namespace ringproxy::ringskew {
namespace {

constexpr size_t kChunk = 1 << 20;
constexpr size_t kMostShown = 100;
constexpr size_t kMostMark = 4;               // Bytes by which WhyNoText tells.
constexpr uint64_t kMadeKeysAStep = 1 << 16;  // From one sign of progress to the next.

template <typename T>
std::optional<T> Number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional<T>(value) : std::nullopt;
}

std::optional<double> Weight(std::string_view text) {
  const auto number = Number<double>(text);
  return number && *number >= 0 && std::isfinite(*number) ? number : std::nullopt;
}

// What stands in a message: printable, and not the whole of a line.
std::string Shown(std::string_view text) {
  return ShownName(text, kMostShown);
}

// Which columns a log's lines have.
class Columns {
 public:
  // From the first line, in whose shape all are read then. kBad: it does not have what is asked for, and `problem` says
  // so.
  RecordStatus Read(const KeyFormat& format, Records& records, std::string* problem) {
    if (format.delimiter) return ReadAs(format, *format.delimiter, records, problem);
    const bool has_names = HasNames(format);
    // A tab first: in a log that has any, commas and spaces may stand within a column. Names tell for certain; without
    // them a semicolon is more often a part of a word than what parts words.
    for (const char delimiter : has_names ? std::string_view("\t,; ") : std::string_view("\t, ;")) {
      std::string why;
      RecordStatus status = RecordStatus::kRecord;
      if (!has_names) {
        status = records.Peek({.delimiter = delimiter}, &fields_);
        if (status == RecordStatus::kRecord && fields_.size() == 1) continue;
      }
      if (status == RecordStatus::kRecord) status = ReadAs(format, delimiter, records, &why);
      if (status != RecordStatus::kBad || !has_names) {
        *problem = why;
        return status;
      }
      // What a comma leaves unread is told rather than what the last guess does.
      if (problem->empty() || delimiter == ',') *problem = why;
    }
    return has_names ? RecordStatus::kBad : ReadAs(format, ' ', records, problem);
  }
  bool has_header() const { return has_header_; }
  const RecordShape& shape() const { return shape_; }

  // False when the record lacks one of the columns or a weight is no number; `why` says so.
  bool Split(const Records::Fields& fields, KeySample* sample, std::string* why) {
    if (has_header_ && shape_.quotes && fields.size() != columns_) {
      const std::string count = std::to_string(fields.size());
      return Fail("has " + count + " fields, and the first line has " + std::to_string(columns_), why);
    }
    if (*key_ >= fields.size()) return Fail("has no column " + std::to_string(*key_ + 1), why);
    *sample = {TextOf(fields[*key_], &key_text_), 1, 0};
    return Take(fields, weight_, "weight", &sample->requests, why) && Take(fields, bytes_, "size", &sample->bytes, why);
  }

 private:
  static bool HasNames(const KeyFormat& format) {
    const auto is_name = [](const std::string* column) { return !column->empty() && !Number<size_t>(*column); };
    return std::ranges::any_of(std::array{&format.column, &format.weight_column, &format.bytes_column}, is_name);
  }
  RecordStatus ReadAs(const KeyFormat& format, char delimiter, Records& records, std::string* problem) {
    shape_ = {.delimiter = delimiter, .quotes = format.quotes && delimiter != ' '};
    has_header_ = false;
    const RecordStatus status = records.Peek(shape_, &fields_);
    if (status == RecordStatus::kBad) *problem = "the line " + records.why();
    if (status != RecordStatus::kRecord) return status;
    for (const auto& [name, place] :
         {std::pair{&format.column, &key_}, {&format.weight_column, &weight_}, {&format.bytes_column, &bytes_}}) {
      if (name->empty()) continue;
      if (const auto number = Number<size_t>(*name); number && *number > 0) {
        *place = *number - 1;
        continue;
      }
      has_header_ = true;
      size_t i = 0;
      while (i < fields_.size() && TextOf(fields_[i], &key_text_) != *name) ++i;
      if (i == fields_.size()) {
        *problem = "no column is called " + Shown(*name) + " in the first line: " + FirstLine();
        return RecordStatus::kBad;
      }
      *place = i;
    }
    columns_ = fields_.size();
    return RecordStatus::kRecord;
  }
  std::string FirstLine() const {
    std::string line;
    for (const RecordField& field : fields_) line += std::string(field.text) + shape_.delimiter;
    line.pop_back();
    return Shown(line);
  }
  static bool Fail(const std::string& text, std::string* why) {
    *why = text;
    return false;
  }
  bool Take(const Records::Fields& fields, std::optional<size_t> place, const char* what, double* value,
            std::string* why) {
    if (!place) return true;
    const std::string_view field = *place < fields.size() ? fields[*place].text : "";
    const auto number = Weight(field);
    if (!number) return Fail(std::string("has the ") + what + " '" + Shown(field) + "'", why);
    *value = *number;
    return true;
  }

  RecordShape shape_;
  Records::Fields fields_;  // Of the first line, while it is read.
  size_t columns_ = 0;
  std::optional<size_t> key_, weight_, bytes_;
  bool has_header_ = false;
  std::string key_text_;  // A key that had doubled quotes.
};

// key, key TAB weight, key TAB weight TAB bytes
constexpr RecordShape kPlain{.delimiter = '\t', .quotes = false, .most_fields = 3};

bool SplitPlain(const Records::Fields& fields, KeySample* sample, std::string* why) {
  *sample = {fields[0].text, 1, 0};
  constexpr const char* kWhat[] = {"key", "weight", "size"};
  double* const values[] = {nullptr, &sample->requests, &sample->bytes};
  for (size_t i = 1; i < fields.size(); ++i) {
    const auto value = Weight(fields[i].text);
    if (!value) {
      *why = std::string("has the ") + kWhat[i] + " '" + Shown(fields[i].text) + "'";
      return false;
    }
    *values[i] = *value;
  }
  return true;
}

class KeyReader {
 public:
  KeyReader(const KeySource& source, const KeyVisitor& visit)
      : source_(source), visit_(visit), is_log_(!source.format.column.empty()) {}

  // Takes all whole lines; with `last` also what stands behind them. Returns an error or nothing.
  std::optional<std::string> Take(std::string_view text, bool last) {
    records_.Append(text);
    if (last) records_.Finish();
    if (begin_.size() < kMostMark) {
      begin_ += text.substr(0, kMostMark - begin_.size());
      if (const auto why = WhyNoText(begin_)) return source_.what + ": " + *why;
      // A pipe's first piece may be a byte.
      if (begin_.size() < kMostMark && !last) return std::nullopt;
    }
    if (is_log_ && !knows_columns_) {
      std::string problem;
      const RecordStatus status = columns_.Read(source_.format, records_, &problem);
      if (status == RecordStatus::kBad) return source_.what + ": " + problem;
      if (status != RecordStatus::kRecord) return std::nullopt;
      knows_columns_ = true;
      if (columns_.has_header()) records_.Take();
    }
    const RecordShape& shape = is_log_ ? columns_.shape() : kPlain;
    RecordStatus status = records_.Peek(shape, &fields_);
    for (; status == RecordStatus::kRecord; status = records_.Peek(shape, &fields_)) {
      if (auto error = TakeRecord()) return error;
    }
    return status == RecordStatus::kBad ? At("the line " + records_.why()) : std::optional<std::string>();
  }
  // After the last piece: what is wrong with all of it.
  std::optional<std::string> Check() const {
    if (keys_ == 0) return source_.what + ": no keys in it";
    if (requests_ == 0) return source_.what + ": all weights are 0, and nothing can be said of a load that is none";
    return std::nullopt;
  }

 private:
  std::string At(const std::string& what) const {
    return source_.what + ":" + std::to_string(records_.line()) + ": " + what;
  }

  std::optional<std::string> TakeRecord() {
    KeySample sample;
    std::string why;
    if (!(is_log_ ? columns_.Split(fields_, &sample, &why) : SplitPlain(fields_, &sample, &why))) {
      return At("the line " + why);
    }
    ++keys_;
    requests_ += sample.requests;
    bytes_ += sample.bytes;
    if (!std::isfinite(requests_) || !std::isfinite(bytes_)) {
      return At(std::string("the ") + (std::isfinite(requests_) ? "sizes" : "weights") +
                " up to this line add up to more than 1.8e308, the most that a number can hold; divide them all");
    }
    visit_(sample);
    records_.Take();
    return std::nullopt;
  }

  const KeySource& source_;
  const KeyVisitor& visit_;
  const bool is_log_;
  Records records_;
  std::string begin_;  // The first bytes, which tell a compressed file.
  Records::Fields fields_;
  Columns columns_;
  bool knows_columns_ = false;  // The first line that is not empty has told.
  uint64_t keys_ = 0;
  double requests_ = 0;
  double bytes_ = 0;
};

std::optional<std::string> ReadFile(int fd, const KeySource& source, const KeyVisitor& visit,
                                    const Progress& progress) {
  KeyReader keys(source, visit);
  std::vector<char> chunk(kChunk);
  uint64_t bytes = 0;
  while (true) {
    const ssize_t got = read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return source.what + ": " + std::strerror(errno);
    const std::string_view piece(chunk.data(), static_cast<size_t>(got));
    bytes += piece.size();
    if (auto error = keys.Take(piece, got == 0)) return error;
    if (got == 0) return keys.Check();
    progress(bytes);
  }
}

struct Synthetic {
  uint64_t count = 0;
  double exponent = 0;
};

// COUNT:uniform or COUNT:zipf:S; nothing for a file's name.
std::optional<Synthetic> ParseSynthetic(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto count = Number<uint64_t>(text.substr(0, colon));
  const std::string_view shape = text.substr(colon + 1);
  if (!count || *count == 0) return std::nullopt;
  if (shape == "uniform") return Synthetic{*count, 0};
  if (!shape.starts_with("zipf:")) return std::nullopt;
  const auto exponent = Number<double>(shape.substr(5));
  if (!exponent || !std::isfinite(*exponent) || *exponent < 0) return std::nullopt;
  return Synthetic{*count, *exponent};
}

void MakeKeys(const Synthetic& set, const KeyVisitor& visit, const Progress& progress) {
  double sum = 0;
  for (uint64_t i = 1; set.exponent > 0 && i <= set.count; ++i) sum += std::pow(static_cast<double>(i), -set.exponent);
  // A hundred requests a key on average, so that the rare ones have some too.
  const double scale = set.exponent > 0 ? 100.0 * static_cast<double>(set.count) / sum : 1;
  uint64_t bytes = 0;
  std::array<char, 32> text{'k', 'e', 'y', ':'};
  for (uint64_t i = 0; i < set.count; ++i) {
    const char* const end = std::to_chars(text.data() + 4, text.data() + text.size(), i).ptr;
    const double weight = set.exponent > 0 ? scale * std::pow(static_cast<double>(i + 1), -set.exponent) : 1;
    const std::string_view key(text.data(), static_cast<size_t>(end - text.data()));
    visit({key, weight, 0});
    bytes += key.size();
    if (i % kMadeKeysAStep == 0) progress(bytes);
  }
}

}  // namespace

std::optional<std::string> ForEachKey(const KeySource& source, const KeyVisitor& visit, const Progress& progress) {
  if (const auto synthetic = ParseSynthetic(source.what)) {
    MakeKeys(*synthetic, visit, progress);
    return std::nullopt;
  }
  if (source.what == "-") return ReadFile(STDIN_FILENO, source, visit, progress);
  const int fd = open(source.what.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return source.what + ": " + std::strerror(errno);
  auto error = ReadFile(fd, source, visit, progress);
  close(fd);
  return error;
}

std::optional<std::string> ForEachKeyOf(const PieceSource& pieces, const KeySource& source, const KeyVisitor& visit) {
  KeyReader keys(source, visit);
  while (true) {
    const std::string_view piece = pieces();
    if (auto error = keys.Take(piece, piece.empty())) return error;
    if (piece.empty()) return keys.Check();
  }
}

}  // namespace ringproxy::ringskew
