#include "conf/print.h"

#include <algorithm>
#include <array>

#include "conf/quote.h"
#include "conf/source.h"
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
  if constexpr (std::is_same_v<T, SignedNumber>) return text;
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

// A path's part below another: a.b, a[0].
bool IsBelow(std::string_view path, std::string_view above) {
  return path.size() > above.size() && path.starts_with(above) &&
         (path[above.size()] == '.' || path[above.size()] == '[');
}

std::string PathOf(const std::string& above, std::string_view name) {
  return above.empty() ? std::string(name) : above + "." + std::string(name);
}
std::string PathOf(const std::string& above, size_t index) {
  return above + "[" + std::to_string(index) + "]";
}

class Printer {
 public:
  // Prints every option.
  Printer() = default;
  // Prints what differs from the defaults, and every comment where its option stands or would stand.
  explicit Printer(const Comments& comments) : comments_(&comments) {}

  template <SectionType S>
  void Section(const S& section, const std::string& path, const std::string& indent) {
    const S defaults{};
    ForEachRow<S>(
        [&](const auto& row) { Item(row, section.*row.member, defaults.*row.member, PathOf(path, row.name), indent); });
  }

  std::string Take() { return std::move(text_); }

 private:
  bool IsLeftOut(const OptionFacts& row, bool is_default) const {
    return comments_ != nullptr && is_default && !row.bounds.required;
  }

  template <class T>
  void Item(const OptionFacts& row, const T& value, const T& default_value, const std::string& path,
            const std::string& indent) {
    const bool left_out = IsLeftOut(row, value == default_value);
    Comment(path, indent);
    if (left_out) return CommentBelow(path, indent);
    Option(row.name, row.bounds, value, path, indent);
  }

  void Comment(const std::string& path, const std::string& indent) {
    if (comments_ == nullptr) return;
    const auto lines = comments_->find(path);
    if (lines == comments_->end()) return;
    for (const std::string& line : lines->second) text_ += WrapComment(line, indent);
  }

  // Of a section that is left out.
  void CommentBelow(const std::string& path, const std::string& indent) {
    if (comments_ == nullptr) return;
    for (const auto& [other, lines] : *comments_) {
      if (IsBelow(other, path)) Comment(other, indent);
    }
  }

  template <Scalar T>
  void Option(std::string_view name, const Bounds& bounds, const T& value, const std::string&,
              const std::string& indent) {
    Line(indent, name, " " + YamlValue(value, bounds));
  }

  void Option(std::string_view name, const Bounds& bounds, const OnDown& value, const std::string& path,
              const std::string& indent) {
    if (value.policy != DownPolicy::kGutter) return Option<OnDown>(name, bounds, value, path, indent);
    Line(indent, name, " {gutter: " + Yaml(value.gutter) + "}");
  }

  template <SectionType S>
  void Option(std::string_view name, const Bounds&, const S& section, const std::string& path,
              const std::string& indent) {
    Line(indent, name, "");
    Section(section, path, indent + "  ");
  }

  void Option(std::string_view name, const Bounds& bounds, const Words& words, const std::string&,
              const std::string& indent) {
    Line(indent, name, " " + YamlValue(words, bounds));
  }

  void Option(std::string_view name, const Bounds&, const std::vector<Listener>& listeners, const std::string& path,
              const std::string& indent) {
    Blocks(name, listeners, path, indent);
  }
  void Option(std::string_view name, const Bounds&, const std::vector<Limit>& limits, const std::string& path,
              const std::string& indent) {
    Blocks(name, limits, path, indent);
  }

  // A list whose entries fit a line each.
  template <class T>
  void Option(std::string_view name, const Bounds&, const std::vector<T>& sections, const std::string& path,
              const std::string& indent) {
    Line(indent, name, sections.empty() ? " []" : "");
    for (size_t i = 0; i < sections.size(); ++i) {
      Comment(PathOf(path, i), indent + "  ");
      CommentBelow(PathOf(path, i), indent + "  ");
      text_ += indent + "  - " + InOneLine(sections[i]) + "\n";
    }
  }

  // `pool` and `routes` are two forms of one member; the shorter one that can say it is written.
  void Option(std::string_view name, const Bounds& bounds, const std::vector<Route>& routes, const std::string& path,
              const std::string& indent) {
    const bool short_form = routes.size() == 1 && routes.front().prefix.empty();
    if (short_form != (bounds.kind == OptionKind::kName)) return CommentBelow(path, indent);
    if (short_form) return Line(indent, name, " " + Yaml(routes.front().pool));
    Option<Route>(name, bounds, routes, path, indent);
  }

  void Option(std::string_view name, const Bounds&, const std::vector<Pool>& pools, const std::string& path,
              const std::string& indent) {
    Line(indent, name, "");
    for (const Pool& pool : pools) {
      const std::string here = PathOf(path, PathPart(pool.name));
      Comment(here, indent + "  ");
      Line(indent + "  ", Yaml(pool.name), "");
      Section(pool, here, indent + "    ");
    }
  }

  // A list whose entries take several lines each.
  template <class T>
  void Blocks(std::string_view name, const std::vector<T>& sections, const std::string& path,
              const std::string& indent) {
    Line(indent, name, sections.empty() ? " []" : "");
    for (size_t i = 0; i < sections.size(); ++i) {
      Comment(PathOf(path, i), indent + "  ");
      const size_t start = text_.size();
      Section(sections[i], PathOf(path, i), indent + "    ");
      // The first line of the section carries the list's sign.
      size_t first = start;
      while (text_[first + indent.size() + 4] == '#') first = text_.find('\n', first) + 1;
      text_[first + indent.size() + 2] = '-';
    }
  }

  // {name: r1, address: 127.0.0.1:7001, weight: 1}
  template <SectionType S>
  std::string InOneLine(const S& section) const {
    const S defaults{};
    std::string line;
    ForEachRow<S>([&](const auto& row) {
      const auto& value = section.*row.member;
      if constexpr (Scalar<std::remove_cvref_t<decltype(value)>>) {
        bool is_default = value == defaults.*row.member;
        if constexpr (std::is_same_v<S, Node>)
          is_default |= row.name == "name" && section.name == section.address.ToString();
        if (IsLeftOut(row, is_default)) return;
        line += (line.empty() ? "{" : ", ") + std::string(row.name) + ": " + YamlValue(value, row.bounds);
      } else if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, CommandKeys>) {
        const bool has_none = value == CommandKeys{};
        if (!IsLeftOut(row, has_none)) line += ", keys: " + (has_none ? std::string(kNoKeys) : InOneLine(value));
      }
    });
    return line + "}";
  }

  void Line(const std::string& indent, std::string_view name, const std::string& value) {
    text_ += indent + std::string(name) + ":" + value + "\n";
  }

  const Comments* comments_ = nullptr;
  std::string text_;
};

}  // namespace

std::string PrintConfig(const Config& config) {
  Printer printer;
  printer.Section(config, "", "");
  return printer.Take();
}

std::string PrintChanges(const Config& config, const Comments& comments) {
  Printer printer(comments);
  printer.Section(config, "", "");
  return printer.Take();
}

std::string WrapComment(std::string_view text, const std::string& indent) {
  constexpr size_t kWidth = 110;
  const std::string shown = Printable(text);
  std::string lines, line = indent + "#";
  const size_t empty = line.size();
  std::string_view rest = shown;
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    // A word that is longer than a line gets one of its own.
    if (line.size() > empty && line.size() + 1 + word.size() > kWidth) {
      lines += line + "\n";
      line = indent + "#  ";
    }
    line += " " + std::string(word);
  }
  return lines + line + "\n";
}

}  // namespace ringproxy::conf
