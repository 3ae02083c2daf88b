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

namespace ringproxy::ringskew {
namespace {

constexpr size_t kChunk = 1 << 20;
constexpr uint64_t kMadeKeysAStep = 1 << 16;  // From one sign of progress to the next.

template <typename T>
std::optional<T> Number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional<T>(value) : std::nullopt;
}

// The n-th field of a line, from 0.
std::optional<std::string_view> Field(std::string_view line, char delimiter, size_t n) {
  for (; n > 0; --n) {
    const size_t end = line.find(delimiter);
    if (end == std::string_view::npos) return std::nullopt;
    line.remove_prefix(end + 1);
  }
  return line.substr(0, line.find(delimiter));
}

// Which columns a log's lines have.
class Columns {
 public:
  // From the first line; an error if a name does not stand in it.
  std::optional<std::string> Read(const KeyFormat& format, std::string_view first) {
    // A tab first: in a log that has any, commas and spaces may stand within a column.
    delimiter_ = first.find('\t') != std::string_view::npos  ? '\t'
                 : first.find(',') != std::string_view::npos ? ','
                                                             : ' ';
    for (const auto& [name, place] :
         {std::pair{&format.column, &key_}, {&format.weight_column, &weight_}, {&format.bytes_column, &bytes_}}) {
      if (name->empty()) continue;
      if (const auto number = Number<size_t>(*name); number && *number > 0) {
        *place = *number - 1;
        continue;
      }
      has_header_ = true;
      size_t i = 0;
      auto field = Field(first, delimiter_, i);
      while (field && *field != *name) field = Field(first, delimiter_, ++i);
      if (!field) return "no column is called " + *name + " in the first line: " + std::string(first.substr(0, 200));
      *place = i;
    }
    return std::nullopt;
  }
  bool has_header() const { return has_header_; }

  // False when the line lacks one of the columns or a weight is no number; `why` says so.
  bool Split(std::string_view line, KeySample* sample, std::string* why) const {
    const auto key = Field(line, delimiter_, *key_);
    if (!key) return Fail("has no column " + std::to_string(*key_ + 1), why);
    *sample = {*key, 1, 0};
    return Take(line, weight_, "weight", &sample->requests, why) && Take(line, bytes_, "size", &sample->bytes, why);
  }

 private:
  static bool Fail(const std::string& text, std::string* why) {
    *why = text;
    return false;
  }
  bool Take(std::string_view line, std::optional<size_t> place, const char* what, double* value,
            std::string* why) const {
    if (!place) return true;
    const auto field = Field(line, delimiter_, *place);
    const auto number = field ? Number<double>(*field) : std::nullopt;
    if (!number || *number < 0 || !std::isfinite(*number)) {
      return Fail(std::string("has the ") + what + " '" + std::string(field.value_or("")) + "'", why);
    }
    *value = *number;
    return true;
  }

  char delimiter_ = '\t';
  std::optional<size_t> key_, weight_, bytes_;
  bool has_header_ = false;
};

// key, key TAB weight, key TAB weight TAB bytes
bool SplitPlain(std::string_view line, KeySample* sample, std::string* why) {
  const size_t tab = line.find('\t');
  *sample = {line.substr(0, tab), 1, 0};
  if (tab == std::string_view::npos) return true;
  const std::string_view rest = line.substr(tab + 1);
  const size_t second = rest.find('\t');
  const auto weight = Number<double>(rest.substr(0, second));
  const auto bytes =
      second == std::string_view::npos ? std::optional<double>(0) : Number<double>(rest.substr(second + 1));
  if (!weight || !bytes || *weight < 0 || *bytes < 0 || !std::isfinite(*weight) || !std::isfinite(*bytes)) {
    *why = "has the weight '" + std::string(rest) + "'";
    return false;
  }
  sample->requests = *weight;
  sample->bytes = *bytes;
  return true;
}

class LineReader {
 public:
  LineReader(const KeySource& source, const KeyVisitor& visit) : source_(source), visit_(visit) {}

  // Takes all whole lines; with `last` also what stands behind them. Returns an error or nothing.
  std::optional<std::string> Take(std::string_view text, bool last) {
    carry_.append(text);
    std::string_view rest = carry_;
    for (size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      if (auto error = TakeLine(rest.substr(0, end))) return error;
      rest.remove_prefix(end + 1);
    }
    if (last && !rest.empty()) {
      if (auto error = TakeLine(rest)) return error;
      rest = {};
    }
    // Erased once a chunk and not once a line, since each erase moves the rest.
    carry_.erase(0, carry_.size() - rest.size());
    return std::nullopt;
  }
  uint64_t keys() const { return keys_; }

 private:
  std::optional<std::string> TakeLine(std::string_view line) {
    ++number_;
    // Some files were written on Windows.
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) return std::nullopt;
    const bool is_log = !source_.format.column.empty();
    if (is_log && !std::exchange(knows_columns_, true)) {
      if (auto error = columns_.Read(source_.format, line)) return source_.what + ": " + *error;
      if (columns_.has_header()) return std::nullopt;
    }
    KeySample sample;
    std::string why;
    if (!(is_log ? columns_.Split(line, &sample, &why) : SplitPlain(line, &sample, &why))) {
      return source_.what + ":" + std::to_string(number_) + ": the line " + why;
    }
    ++keys_;
    visit_(sample);
    return std::nullopt;
  }

  const KeySource& source_;
  const KeyVisitor& visit_;
  Columns columns_;
  std::string carry_;
  bool knows_columns_ = false;  // The first line that is not empty has told.
  uint64_t number_ = 0;
  uint64_t keys_ = 0;
};

std::optional<std::string> ReadFile(int fd, const KeySource& source, const KeyVisitor& visit,
                                    const Progress& progress) {
  LineReader lines(source, visit);
  std::vector<char> chunk(kChunk);
  uint64_t bytes = 0;
  while (true) {
    const ssize_t got = read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return source.what + ": " + std::strerror(errno);
    bytes += static_cast<uint64_t>(got);
    if (auto error = lines.Take({chunk.data(), static_cast<size_t>(got)}, got == 0)) return error;
    if (got == 0) break;
    progress(bytes);
  }
  if (lines.keys() == 0) return source.what + ": no keys in it";
  return std::nullopt;
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

}  // namespace ringproxy::ringskew
