#include "conf/parse.h"

#include <map>

#include "conf/parse_yaml.h"
#include "conf/pool_data.h"
#include "conf/quote.h"
#include "conf/read_file.h"
#include "conf/source.h"
#include "conf/validate.h"
#include "conf/values.h"

namespace ringproxy::conf {

namespace {

// Aliases can repeat a long list in every pool; this bounds what a small file may grow to.
constexpr size_t kMostValues = 1'000'000;

// Reads nodes into members by the rows of the option table. A value that cannot be read is reported and its member
// keeps the default, so that the reading goes on.
class Reader {
 public:
  explicit Reader(Source& source) : source_(source) {}

  // The text, or what is wrong with it, has grown beyond all reason: nothing more is read.
  bool has_given_up() const { return values_ >= kMostValues || source_.is_full(); }

  template <SectionType S>
  void Read(const YAML::Node& node, const std::string& path, const Bounds&, S& section) {
    // A key with nothing behind it is an empty section: what it lacks is reported below, option by option.
    if (!node.IsMap() && !node.IsNull()) return Refuse(node, path, "a map");
    // YAML forbids a key that is given twice, and yaml-cpp lets it pass.
    std::map<std::string, int> seen;  // Key → its line.
    for (const auto& entry : node) {
      if (source_.is_full()) return;
      const std::optional<std::string> key = ReadKey(entry.first, path, seen);
      if (key) ReadOption(entry.first, *key, entry.second, path, section);
    }
    ForEachRow<S>([&](const OptionFacts& row) {
      const bool missing = row.bounds.required && !seen.contains(std::string(row.name));
      if (missing) source_.Fail(Join(path, row.name), "is missing");
    });
  }

 private:
  static std::string Join(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : path + "." + std::string(key);
  }
  static std::string Join(const std::string& path, size_t index) { return path + "[" + std::to_string(index) + "]"; }

  void Refuse(const YAML::Node& node, const std::string& path, std::string_view expected) {
    source_.Fail(path, "expects " + std::string(expected) + ", this is " + std::string(WhatItIs(node)));
  }

  // The key as text, unless it is none or stood in this map before.
  std::optional<std::string> ReadKey(const YAML::Node& node, const std::string& path,
                                     std::map<std::string, int>& seen) {
    const Place place = PlaceOf(node.Mark());
    if (!node.IsScalar()) {
      source_.Fail(path, place, "a key has to be a single value, this is " + std::string(WhatItIs(node)));
      return std::nullopt;
    }
    const std::string& key = node.Scalar();
    const auto [first, is_new] = seen.emplace(key, place.line);
    if (is_new) return key;
    source_.Fail(Join(path, PathPart(key)), place, "is given twice, first in line " + std::to_string(first->second));
    return std::nullopt;
  }

  // False once it has given up.
  bool Note(const std::string& path, const YAML::Node& key, const YAML::Node& value) {
    // An empty value has no place of its own.
    source_.Note(path, PlaceOf(value.IsNull() ? key.Mark() : value.Mark()));
    // The bound is told once, however many values are still to come.
    if (++values_ == kMostValues) source_.Fail(path, "more than " + std::to_string(kMostValues) + " values");
    return !has_given_up();
  }

  template <class S>
  void ReadOption(const YAML::Node& key_node, const std::string& key, const YAML::Node& value, const std::string& path,
                  S& section) {
    std::vector<std::string_view> names;
    bool is_known = false;
    ForEachOption(section, [&](const OptionFacts& row, auto& option) {
      names.push_back(row.name);
      if (row.name != key) return;
      is_known = true;
      const std::string here = Join(path, key);
      // The place is noted first, so that a mistake in the value is told with it.
      if (Note(here, key_node, value)) Read(value, here, row.bounds, option);
    });
    if (is_known) return;
    const std::string_view nearest = Nearest(key, names);
    const std::string hint = nearest.empty() ? "the known ones are " + JoinWords(names, "and")
                                             : "the nearest known one is " + std::string(nearest);
    source_.Fail(Join(path, PathPart(key)), PlaceOf(key_node.Mark()), "unknown key; " + hint);
  }

  template <Scalar T>
  void Read(const YAML::Node& node, const std::string& path, const Bounds& bounds, T& value) {
    // What these expect is an example or a choice of words, which takes no article: "expects HOST:PORT".
    constexpr bool kIsPattern = std::is_same_v<T, Address> || std::is_same_v<T, OnDown> || std::is_same_v<T, bool>;
    if (!node.IsScalar()) return Refuse(node, path, (kIsPattern ? "" : "a ") + DescribeKind(bounds));
    if (const auto problem = ReadValue(node.Scalar(), bounds, value)) source_.Fail(path, problem->text);
  }

  // A word that cannot be read keeps its place in the list, so that the others are called by the file's numbers.
  void Read(const YAML::Node& node, const std::string& path, const Bounds& bounds, Words& words) {
    if (node.IsScalar()) return Read<std::string>(node, path, Text(1, kLongestWord), words.emplace_back());
    if (!node.IsSequence()) return Refuse(node, path, "a " + DescribeKind(bounds));
    if (const auto problem = CheckEntries(node.size(), bounds)) return source_.Fail(path, problem->text);
    for (const YAML::Node& element : node) {
      const std::string here = Join(path, words.size());
      if (!Note(here, element, element)) return;
      Read<std::string>(element, here, Text(1, kLongestWord), words.emplace_back());
    }
  }

  template <class T>
  void Read(const YAML::Node& node, const std::string& path, const Bounds& bounds, std::vector<T>& list) {
    if (!node.IsSequence()) return Refuse(node, path, "a list");
    if (const auto problem = CheckEntries(node.size(), bounds)) return source_.Fail(path, problem->text);
    for (const YAML::Node& element : node) {
      const std::string here = Join(path, list.size());
      if (!Note(here, element, element)) return;
      ReadElement(element, here, list.emplace_back());
    }
  }

  template <class T>
  void ReadElement(const YAML::Node& node, const std::string& path, T& element) {
    Read(node, path, Section(), element);
  }

  // A node may be its bare address; without a name of its own it is called by its address.
  void ReadElement(const YAML::Node& node, const std::string& path, Node& element) {
    if (node.IsScalar()) {
      Read(node, path, AnyAddress(1), element.address);
    } else {
      Read(node, path, Section(), element);
    }
    const bool has_address = element.address != Address{};
    if (element.name.empty() && has_address) element.name = element.address.ToString();
  }

  // A group may be the bare word of a ready-made set.
  void ReadElement(const YAML::Node& node, const std::string& path, KeyGroup& element) {
    if (node.IsScalar()) return Read(node, path, Choice(), element.set);
    Read(node, path, Section(), element);
  }

  // error, rehash or {gutter: POOL}
  void Read(const YAML::Node& node, const std::string& path, const Bounds& bounds, OnDown& value) {
    if (!node.IsMap()) return Read<OnDown>(node, path, bounds, value);
    const YAML::Node gutter = node["gutter"];
    if (node.size() != 1 || !gutter.IsDefined()) return source_.Fail(path, "as a map it is {gutter: POOL}");
    value.policy = DownPolicy::kGutter;
    Read(gutter, path + ".gutter", Name(), value.gutter);
  }

  // none, or a map.
  void Read(const YAML::Node& node, const std::string& path, const Bounds& bounds, CommandKeys& keys) {
    if (node.IsScalar() && node.Scalar() == kNoKeys) return;
    Read<CommandKeys>(node, path, bounds, keys);
  }

  // `pool: P` is the one route {"", P}; both forms fill the same member.
  void Read(const YAML::Node& node, const std::string& path, const Bounds& bounds, std::vector<Route>& routes) {
    if (bounds.kind == OptionKind::kList) return Read<Route>(node, path, bounds, routes);
    Route route;
    Read(node, path, bounds, route.pool);
    routes.push_back(std::move(route));
  }

  void Read(const YAML::Node& node, const std::string& path, const Bounds& bounds, std::vector<Pool>& pools) {
    if (!node.IsMap()) return Refuse(node, path, "a map from names to pools");
    if (const auto problem = CheckEntries(node.size(), bounds)) return source_.Fail(path, problem->text);
    std::map<std::string, int> seen;
    for (const auto& entry : node) {
      const std::optional<std::string> name = ReadKey(entry.first, path, seen);
      if (!name) continue;
      const std::string here = Join(path, PathPart(*name));
      if (!Note(here, entry.first, entry.second)) return;
      Pool& pool = pools.emplace_back();
      if (const auto problem = ReadValue(*name, Name(), pool.name)) {
        source_.Fail(here, PlaceOf(entry.first.Mark()), problem->text);
      }
      Read(entry.second, here, Section(), pool);
    }
  }

  Source& source_;
  size_t values_ = 0;
};

Errors FileError(const std::string& file, std::string message) {
  return {{file, 0, 0, "", std::move(message)}};
}

}  // namespace

Result<Config> ParseConfig(std::string_view text, const std::string& file) {
  if (text.size() > kMostConfigBytes) {
    return FileError(file, "is longer than a configuration may be, " + std::to_string(kMostConfigBytes) + " bytes");
  }
  Source source(file);
  const std::optional<YAML::Node> root = LoadYaml(std::string(text), source);
  if (!root) return source.TakeErrors();
  Config config;
  try {
    source.Note("", PlaceOf(root->Mark()));
    // yaml-cpp's accessors may throw as well; what was found before is told all the same.
    Reader reader(source);
    reader.Read(*root, "", Section(), config);
    // The rest is not known.
    if (reader.has_given_up()) return source.TakeErrors();
  } catch (const YAML::Exception& error) {
    source.Fail("", PlaceOf(error.mark), "YAML: " + Printable(error.msg));
    return source.TakeErrors();
  }
  SettleData(config, source);
  ReadSecrets(config, source);
  Validate(config, source);
  if (source.has_errors()) return source.TakeErrors();
  return config;
}

Result<Config> LoadConfig(const std::string& file) {
  // It reads one byte more than is allowed, so that a file that is too long shows it.
  const Result<std::string, Problem> text = ReadFileStart(file, kMostConfigBytes + 1);
  if (!text) return FileError(file, text.errors().text);
  return ParseConfig(*text, file);
}

}  // namespace ringproxy::conf
