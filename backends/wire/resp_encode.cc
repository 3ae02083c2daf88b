#include "backends/wire/resp_encode.h"

#include <charconv>

#include "backends/wire/ascii.h"

namespace ringproxy::wire {
namespace {

void AppendNumberLine(char type, int64_t value, std::string* out) {
  // A type, a sign, nineteen digits and a line end are 23.
  char line[24];
  line[0] = type;
  char* end = std::to_chars(line + 1, line + sizeof(line), value).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out->append(line, static_cast<size_t>(end - line));
}

void AppendLine(char type, std::string_view text, std::string* out) {
  out->push_back(type);
  const size_t start = out->size();
  out->append(text);
  for (size_t i = start; i < out->size(); ++i) {
    if ((*out)[i] == '\r' || (*out)[i] == '\n') (*out)[i] = ' ';
  }
  out->append(kLineEnd);
}

}  // namespace

void AppendBulkHeader(size_t size, std::string* out) {
  AppendNumberLine('$', static_cast<int64_t>(size), out);
}

void AppendBulk(std::string_view bytes, std::string* out) {
  AppendBulkHeader(bytes.size(), out);
  out->append(bytes);
  out->append(kLineEnd);
}

void AppendInteger(int64_t value, std::string* out) {
  AppendNumberLine(':', value, out);
}

void AppendArrayHeader(size_t count, std::string* out) {
  AppendNumberLine('*', static_cast<int64_t>(count), out);
}

void AppendSimple(std::string_view text, std::string* out) {
  AppendLine('+', text, out);
}

void AppendError(std::string_view text, std::string* out) {
  AppendLine('-', text, out);
}

void AppendNilBulk(std::string* out) {
  out->append("$-1\r\n");
}

void AppendNilArray(std::string* out) {
  out->append("*-1\r\n");
}

void AppendNil(uint8_t protocol, std::string* out) {
  out->append(protocol == 2 ? "$-1\r\n" : "_\r\n");
}

void AppendMapHeader(size_t pairs, uint8_t protocol, std::string* out) {
  protocol == 2 ? AppendArrayHeader(2 * pairs, out) : AppendNumberLine('%', static_cast<int64_t>(pairs), out);
}

void AppendSetHeader(size_t count, uint8_t protocol, std::string* out) {
  AppendNumberLine(protocol == 2 ? '*' : '~', static_cast<int64_t>(count), out);
}

void AppendText(std::string_view text, uint8_t protocol, std::string* out) {
  if (protocol == 2) return AppendBulk(text, out);
  constexpr std::string_view kKind = "txt:";
  AppendNumberLine('=', static_cast<int64_t>(kKind.size() + text.size()), out);
  out->append(kKind).append(text).append(kLineEnd);
}

}  // namespace ringproxy::wire
