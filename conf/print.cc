#include "conf/print.h"

#include <algorithm>
#include <array>

#include "conf/values.h"

namespace ringproxy::conf {

namespace {

// Words that some readers of YAML take for something else than text.
constexpr std::array<std::string_view, 8> kReservedWords = {"true", "false", "yes", "no", "on", "off", "null", "y"};

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// Without quotes the text could be taken for a number, a truth value or YAML's own signs.
bool NeedsQuotes(std::string_view text) {
  if (text.empty() || !(IsLetter(text.front()) || text.front() == '/')) return true;
  const auto harmless = [](char c) {
    return IsLetter(c) || IsDigit(c) || std::string_view("_-./:").find(c) != std::string_view::npos;
  };
  // A colon at the end would make a key of it.
  if (!std::all_of(text.begin(), text.end(), harmless) || text.back() == ':') return true;
  std::string lower(text);
  for (char& c : lower) c = IsLetter(c) ? static_cast<char>(c | 0x20) : c;
  return lower == "n" || std::ranges::find(kReservedWords, lower) != kReservedWords.end();
}

std::string Quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const unsigned char byte = c;
    if (c == '"' || c == '\\') quoted += '\\';
    // Bytes above 0x7f are UTF-8 and stay: YAML's \x names a character and not a byte.
    if (byte >= 0x20 && byte != 0x7f) {
      quoted += c;
    } else {
      quoted += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return quoted + "\"";
}

std::string Yaml(std::string_view text) {
  return NeedsQuotes(text) ? Quoted(text) : std::string(text);
}

// An own type, so that numbers, durations and addresses, which no reader mistakes, go unquoted.
template <Scalar T>
std::string YamlValue(const T& value, const Bounds& bounds) {
  const std::string text = FormatValue(value, bounds);
  // "off" is a word that some readers take for false.
  if constexpr (std::is_same_v<T, std::string> || std::is_enum_v<T>) return Yaml(text);
  // As a number it would be another one to those who read it as decimal.
  if (bounds.kind == OptionKind::kFileMode && text != bounds.word_for_zero) return Quoted(text);
  // An address in brackets would be read as a list, and the path of a socket may hold any character.
  const bool plain = !text.empty() && (IsLetter(text.front()) || IsDigit(text.front()));
  return plain && (!std::is_same_v<T, Address> || !text.starts_with("unix:")) ? text : Yaml(text);
}

std::string YamlValue(const Words& words, const Bounds&) {
  std::string list;
  for (const std::string& word : words) list += (list.empty() ? "" : ", ") + Yaml(word);
  return "[" + list + "]";
}

class Printer {
 public:
  template <SectionType S>
  void Section(const S& section, const std::string& indent) {
    ForEachOption(section,
                  [&](const OptionFacts& row, const auto& value) { Option(row.name, row.bounds, value, indent); });
  }

  std::string Take() { return std::move(text_); }

 private:
  template <Scalar T>
  void Option(std::string_view name, const Bounds& bounds, const T& value, const std::string& indent) {
    Line(indent, name, " " + YamlValue(value, bounds));
  }

  void Option(std::string_view name, const Bounds& bounds, const OnDown& value, const std::string& indent) {
    if (value.policy != DownPolicy::kGutter) return Option<OnDown>(name, bounds, value, indent);
    Line(indent, name, " {gutter: " + Yaml(value.gutter) + "}");
  }

  template <SectionType S>
  void Option(std::string_view name, const Bounds&, const S& section, const std::string& indent) {
    Line(indent, name, "");
    Section(section, indent + "  ");
  }

  void Option(std::string_view name, const Bounds& bounds, const Words& words, const std::string& indent) {
    Line(indent, name, " " + YamlValue(words, bounds));
  }

  void Option(std::string_view name, const Bounds&, const std::vector<Listener>& listeners, const std::string& indent) {
    Blocks(name, listeners, indent);
  }
  void Option(std::string_view name, const Bounds&, const std::vector<Limit>& limits, const std::string& indent) {
    Blocks(name, limits, indent);
  }

  // A list whose entries fit a line each.
  template <class T>
  void Option(std::string_view name, const Bounds&, const std::vector<T>& sections, const std::string& indent) {
    Line(indent, name, sections.empty() ? " []" : "");
    for (const T& section : sections) text_ += indent + "  - " + InOneLine(section) + "\n";
  }

  // `pool` and `routes` are two forms of one member; the shorter one that can say it is written.
  void Option(std::string_view name, const Bounds& bounds, const std::vector<Route>& routes,
              const std::string& indent) {
    const bool short_form = routes.size() == 1 && routes.front().prefix.empty();
    if (short_form != (bounds.kind == OptionKind::kName)) return;
    if (short_form) return Line(indent, name, " " + Yaml(routes.front().pool));
    Option<Route>(name, bounds, routes, indent);
  }

  void Option(std::string_view name, const Bounds&, const std::vector<Pool>& pools, const std::string& indent) {
    Line(indent, name, "");
    for (const Pool& pool : pools) {
      Line(indent + "  ", Yaml(pool.name), "");
      Section(pool, indent + "    ");
    }
  }

  // A list whose entries take several lines each.
  template <class T>
  void Blocks(std::string_view name, const std::vector<T>& sections, const std::string& indent) {
    Line(indent, name, sections.empty() ? " []" : "");
    for (const T& section : sections) {
      const size_t start = text_.size();
      Section(section, indent + "    ");
      text_[start + indent.size() + 2] = '-';  // The first line of the section carries the list's sign.
    }
  }

  // {name: r1, address: 127.0.0.1:7001, weight: 1}
  template <SectionType S>
  static std::string InOneLine(const S& section) {
    std::string line;
    ForEachOption(section, [&](const OptionFacts& row, const auto& value) {
      if constexpr (Scalar<std::remove_cvref_t<decltype(value)>>) {
        line += (line.empty() ? "{" : ", ") + std::string(row.name) + ": " + YamlValue(value, row.bounds);
      }
    });
    return line + "}";
  }

  void Line(const std::string& indent, std::string_view name, const std::string& value) {
    text_ += indent + std::string(name) + ":" + value + "\n";
  }

  std::string text_;
};

}  // namespace

std::string PrintConfig(const Config& config) {
  Printer printer;
  printer.Section(config, "");
  return printer.Take();
}

}  // namespace ringproxy::conf
