#include "conf/import/predixy_lines.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "conf/parse.h"
#include "conf/read_file.h"

namespace ringproxy::conf {

namespace {

constexpr size_t kMostOpenScopes = 16;
constexpr size_t kMostIncluded = 64;  // Files.
constexpr std::string_view kBlanks = " \t\r";

constexpr auto kPredixyWords = std::to_array<std::string_view>(
    {"ClusterServerPool", "SentinelServerPool", "StandaloneServerPool", "Authority", "LatencyMonitor", "DataCenter",
     "CustomCommand", "WorkerThreads", "ClientTimeout", "Include", "Bind", "LogRotate"});

std::string_view TakeLine(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

std::string_view WithoutBlanks(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

// The first word of a line; the rest stays in it.
std::string_view TakeWord(std::string_view& line) {
  line = WithoutBlanks(line);
  const std::string_view word = line.substr(0, line.find_first_of(" \t#"));
  line.remove_prefix(word.size());
  line = WithoutBlanks(line);
  return word;
}

// A value in quotes; false when they do not end.
bool TakeQuoted(std::string_view& line, std::string& value) {
  for (size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '"') {
      line = WithoutBlanks(line.substr(i + 1));
      return true;
    }
    if (line[i] == '\\' && i + 1 < line.size()) ++i;
    value += line[i];
  }
  return false;
}

class LineReader {
 public:
  explicit LineReader(Draft& draft) : draft_(draft) {}

  void Read(std::string_view text, const std::string& file, bool is_included, std::vector<TreeValue*>& open) {
    const size_t depth = open.size();
    for (int number = 1; !text.empty(); ++number) {
      TreeValue value;
      value.place = {number, 1};
      if (is_included) value.file = file;
      ReadLine(TakeLine(text), file, std::move(value), open);
      if (failed_) return;
    }
    if (open.size() > depth) Fail(*open.back(), "its { is never closed");
  }

 private:
  void Fail(const TreeValue& where, std::string message) {
    draft_.Fail(where, std::move(message));
    failed_ = true;
  }

  void ReadLine(std::string_view line, const std::string& file, TreeValue value, std::vector<TreeValue*>& open) {
    value.key = TakeWord(line);
    if (value.key.empty()) return;
    if (value.key == "}") {
      if (open.size() < 2) return Fail(value, "closes nothing");
      open.pop_back();
      return;
    }
    value.kind = TreeKind::kText;
    if (line.starts_with('"')) {
      if (!TakeQuoted(line, value.text)) return Fail(value, "the quotes of its value do not end");
    } else {
      const std::string_view rest = WithoutBlanks(line.substr(0, line.find('#')));
      const bool opens = rest.ends_with('{');
      value.text = WithoutBlanks(rest.substr(0, rest.size() - opens));
      line = opens ? "{" : "";
    }
    const bool opens = line.starts_with('{');
    if (!opens && !line.empty() && !line.starts_with('#')) return Fail(value, "something follows its value");
    if (SameWord(value.key, "Include") && !opens) return Include(value, file, open);
    if (opens) value.kind = TreeKind::kMap;
    if (++values_ > kMostTreeValues) return Fail(value, "more than " + std::to_string(kMostTreeValues) + " values");
    if (opens && open.size() >= kMostOpenScopes) return Fail(value, "nested too deeply");
    open.back()->values.push_back(std::move(value));
    // A scope that is open is the last of its parent, so that its place in memory stays.
    if (opens) open.push_back(&open.back()->values.back());
  }

  void Include(const TreeValue& said, const std::string& file, std::vector<TreeValue*>& open) {
    if (++included_ > kMostIncluded)
      return Fail(said, "more than " + std::to_string(kMostIncluded) + " files are included");
    const std::filesystem::path path = std::filesystem::path(file).parent_path() / said.text;
    const Result<std::string, Problem> text = ReadFileStart(path, kMostConfigBytes + 1);
    if (!text) return Fail(said, Quote(path.string()) + " " + text.errors().text);
    bytes_ += text->size();
    if (bytes_ > kMostConfigBytes) {
      return Fail(said,
                  "the files are longer than a configuration may be, " + std::to_string(kMostConfigBytes) + " bytes");
    }
    Read(*text, path, true, open);
  }

  Draft& draft_;
  bool failed_ = false;
  size_t values_ = 0, included_ = 0, bytes_ = 0;
};

}  // namespace

bool SameWord(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool LooksLikePredixy(std::string_view text) {
  while (!text.empty()) {
    std::string_view line = TakeLine(text);
    const std::string_view word = TakeWord(line);
    if (std::ranges::any_of(kPredixyWords, [&](std::string_view known) { return SameWord(word, known); })) return true;
  }
  return false;
}

TreeValue ReadPredixyLines(std::string_view text, const std::string& file, Draft& draft) {
  TreeValue root;
  root.kind = TreeKind::kMap;
  root.place = {1, 1};
  std::vector<TreeValue*> open = {&root};
  LineReader(draft).Read(text, file, false, open);
  return root;
}

}  // namespace ringproxy::conf
