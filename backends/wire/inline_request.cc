#include "backends/wire/inline_request.h"

#include "backends/wire/resp_encode.h"

namespace ringproxy::wire {
namespace {

// isspace() of the C locale. Each of these characters separates words, but \v and \f do not end one.
bool IsBlank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool EndsWord(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char Unescaped(char c) {
  switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
  }
}

// Reads one word after another and appends its bytes to a string.
class WordReader {
 public:
  WordReader(std::string_view line, std::string* out) : line_(line), out_(*out) {}

  // Moves to the next word; false if there is none.
  bool Find() {
    while (at_ < line_.size() && IsBlank(line_[at_])) ++at_;
    return at_ < line_.size();
  }

  bool Read() {
    while (at_ < line_.size() && !EndsWord(line_[at_])) {
      const char c = line_[at_++];
      if (c == '"') {
        if (!ReadDoubleQuoted()) return false;
        break;  // Whatever follows is a blank.
      }
      if (c == '\'') {
        if (!ReadSingleQuoted()) return false;
        break;
      }
      out_.push_back(c);
    }
    return true;
  }

 private:
  bool QuoteEndsWord() const { return at_ == line_.size() || IsBlank(line_[at_]); }

  bool ReadDoubleQuoted() {
    while (at_ < line_.size()) {
      const char c = line_[at_++];
      if (c == '"') return QuoteEndsWord();
      out_.push_back(c == '\\' && at_ < line_.size() ? ReadEscape() : c);
    }
    return false;
  }

  char ReadEscape() {
    const char c = line_[at_++];
    if (c == 'x' && line_.size() - at_ >= 2) {
      const int high = HexDigit(line_[at_]);
      const int low = HexDigit(line_[at_ + 1]);
      if (high >= 0 && low >= 0) {
        at_ += 2;
        return static_cast<char>(high * 16 + low);
      }
    }
    // Without two hexadecimal digits behind it, \x is an x, as in Redis.
    return Unescaped(c);
  }

  bool ReadSingleQuoted() {
    while (at_ < line_.size()) {
      const char c = line_[at_++];
      if (c == '\'') return QuoteEndsWord();
      const bool escaped_quote = c == '\\' && at_ < line_.size() && line_[at_] == '\'';
      out_.push_back(escaped_quote ? line_[at_++] : c);
    }
    return false;
  }

  std::string_view line_;
  std::string& out_;
  size_t at_ = 0;
};

}  // namespace

bool EncodeInline(std::string_view line, std::string* encoded, std::vector<ArgumentSpan>* arguments) {
  encoded->clear();
  arguments->clear();
  WordReader reader(line, encoded);
  std::string header;  // Short enough to stay off the heap.
  while (reader.Find()) {
    const size_t start = encoded->size();
    if (!reader.Read()) return false;
    const size_t size = encoded->size() - start;
    header.clear();
    AppendBulkHeader(size, &header);
    // The size is known only now. No more than this word's own bytes have to move.
    encoded->insert(start, header);
    encoded->append("\r\n");
    arguments->push_back({static_cast<uint32_t>(start + header.size()), static_cast<uint32_t>(size)});
  }
  if (arguments->empty()) return true;
  header.clear();
  AppendArrayHeader(arguments->size(), &header);
  encoded->insert(0, header);
  for (ArgumentSpan& argument : *arguments) argument.offset += static_cast<uint32_t>(header.size());
  return true;
}

}  // namespace ringproxy::wire
