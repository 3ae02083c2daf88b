#include "proxy/local/monitor_line.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "backends/wire/ascii.h"

namespace ringproxy::proxy {
namespace {

// A place for a password, or for the name that goes with it: so many words behind `option`.
struct SecretRow {
  std::string_view command;
  std::string_view option;  // Empty: all words of the command.
  size_t words;
};

constexpr std::array kSecretRows = {
    SecretRow{"auth", "", 0},
    SecretRow{"hello", "auth", 2},
    SecretRow{"migrate", "auth", 1},
    SecretRow{"migrate", "auth2", 2},
};

// A word may stand for a password itself and be called like an option: then rather too much is cut out.
bool IsSecret(const wire::CommandSpec& spec, const wire::Request& request, size_t word) {
  return std::ranges::any_of(kSecretRows, [&](const SecretRow& row) {
    if (row.command != spec.name) return false;
    if (row.option.empty()) return true;
    for (size_t before = 1; before <= row.words && before < word; ++before) {
      if (wire::EqualsIgnoringCase(request[word - before], row.option)) return true;
    }
    return false;
  });
}

void AppendEscaped(std::string_view text, std::string* out) {
  for (const char c : text) {
    switch (c) {
      case '\\':
      case '"': out->append({'\\', c}); break;
      case '\n': out->append("\\n"); break;
      case '\r': out->append("\\r"); break;
      case '\t': out->append("\\t"); break;
      case '\a': out->append("\\a"); break;
      case '\b': out->append("\\b"); break;
      default:
        if (c >= ' ' && c <= '~') {
          out->push_back(c);
        } else {
          std::array<char, 5> hex{};
          std::snprintf(hex.data(), hex.size(), "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
          out->append(hex.data());
        }
    }
  }
}

void AppendQuoted(std::string_view text, std::string* out) {
  out->append(" \"");
  AppendEscaped(text.substr(0, kMostMonitorArgumentBytes), out);
  if (text.size() > kMostMonitorArgumentBytes)
    out->append("... (").append(std::to_string(text.size() - kMostMonitorArgumentBytes)).append(" more bytes)");
  out->push_back('"');
}

}  // namespace

bool IsShownToMonitors(const wire::CommandSpec& spec) {
  return spec.access != wire::Access::kAdmin && spec.flags.find("admin") == std::string_view::npos;
}

void AppendMonitorLine(std::chrono::microseconds since_epoch, uint16_t database, std::string_view address,
                       const wire::CommandSpec& spec, const wire::Request& request, std::string* out) {
  const std::string micros = std::to_string(since_epoch.count() % 1'000'000);
  out->append("+").append(std::to_string(since_epoch.count() / 1'000'000)).append(".");
  out->append(6 - micros.size(), '0').append(micros);
  out->append(" [").append(std::to_string(database)).append(" ").append(address).append("]");
  const bool is_long = request.size() > kMostMonitorArguments;
  const size_t shown = is_long ? kMostMonitorArguments - 1 : request.size();
  for (size_t i = 0; i < shown; ++i) AppendQuoted(i > 0 && IsSecret(spec, request, i) ? "(redacted)" : request[i], out);
  if (is_long) AppendQuoted("... (" + std::to_string(request.size() - shown) + " more arguments)", out);
  out->append("\r\n");
}

}  // namespace ringproxy::proxy
