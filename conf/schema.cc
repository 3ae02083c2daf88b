#include <nlohmann/json.hpp>

#include "conf/reference.h"
#include "conf/values.h"

namespace ringproxy::conf {

namespace {

// It keeps the order of the option table, in which editors offer the options.
using Json = nlohmann::ordered_json;

template <SectionType S>
Json SectionSchema();

Json NumberSchema(const Bounds& bounds) {
  const Json number = {{"type", "integer"}, {"minimum", bounds.least}, {"maximum", bounds.most}};
  Json ways = Json::array();
  if (!bounds.word_for_zero.empty()) ways.push_back({{"const", bounds.word_for_zero}});
  ways.push_back(number);
  if (bounds.kind == OptionKind::kBytes)
    ways.push_back({{"type", "string"}, {"pattern", "^[0-9]+(B|KiB|MiB|GiB|TiB)?$"}});
  return ways.size() > 1 ? Json{{"oneOf", ways}} : number;
}

// Only the parser here takes 0660 without quotes for text.
Json FileModeSchema(const Bounds& bounds) {
  return {{"oneOf", {{{"const", bounds.word_for_zero}}, {{"type", "string"}, {"pattern", "^0[0-7]{3}$"}}}}};
}

Json TextSchema(const Bounds& bounds) {
  Json text = {{"type", "string"}};
  if (bounds.kind == OptionKind::kName) text["pattern"] = "^\\S+$";
  if (bounds.kind == OptionKind::kName || bounds.kind == OptionKind::kText) text["maxLength"] = bounds.most;
  if (bounds.word_for_zero.empty()) return text;
  return {{"oneOf", {{{"const", bounds.word_for_zero}}, text}}};
}

Json WordsSchema(const Bounds& bounds) {
  const Json word = {{"type", "string"}, {"minLength", 1}, {"maxLength", kLongestWord}};
  return {{"oneOf", {word, {{"type", "array"}, {"maxItems", bounds.most}, {"items", word}}}}};
}

Json RateSchema(const Bounds& bounds) {
  const Json rate = {{"type", "string"}, {"pattern", "^[0-9]+/(s|m|h|d)$"}};
  if (bounds.word_for_zero.empty()) return rate;
  return {{"oneOf", {{{"const", bounds.word_for_zero}}, rate}}};
}

// A schema of the value alone; its row adds the description and the default.
template <Scalar T>
Json ValueSchema(const Bounds& bounds, const T&) {
  if constexpr (std::is_enum_v<T>) return {{"enum", NamesOf<T>()}};
  if constexpr (std::is_same_v<T, bool>) return {{"type", "boolean"}};
  if constexpr (std::is_same_v<T, Ratio>) {
    // YAML makes a number of 0.5 and text of 50%.
    return {{"type", {"string", "number"}}, {"pattern", "^[0-9]+([.][0-9]+)?%?$"}, {"minimum", 0}};
  }
  if constexpr (std::is_same_v<T, Rate>) return RateSchema(bounds);
  if constexpr (std::is_same_v<T, SignedNumber>) {
    const auto most = static_cast<int64_t>(bounds.most);
    return {{"type", "integer"}, {"minimum", -most}, {"maximum", most}};
  }
  if constexpr (std::is_same_v<T, OnDown>) {
    const Json gutter = {{"type", "object"},
                         {"required", {"gutter"}},
                         {"additionalProperties", false},
                         {"properties", {{"gutter", TextSchema(Name())}}}};
    return {{"oneOf", {{{"enum", NamesOf<DownPolicy>()}}, gutter}}};
  }
  if constexpr (std::is_integral_v<T>) {
    return bounds.kind == OptionKind::kFileMode ? FileModeSchema(bounds) : NumberSchema(bounds);
  }
  if constexpr (std::is_same_v<T, std::string>) return TextSchema(bounds);
  if constexpr (std::is_same_v<T, std::chrono::microseconds>) {
    // 0 is the one duration that needs no unit, and so the one that may be a number.
    return {{"type", {"string", "integer"}}, {"pattern", "^([0-9]+(us|ms|s|m|h)|0)$"}, {"maximum", 0}};
  }
  if (bounds.kind == OptionKind::kTcpAddress) return {{"type", "string"}, {"pattern", "^.+:[0-9]+$"}};
  if (bounds.kind == OptionKind::kTcpOrNone) return {{"type", "string"}, {"pattern", "^(.+:[0-9]+)?$"}};
  return {{"type", "string"}, {"pattern", "^(unix:.+|.+:[0-9]+)$"}};
}

Json ValueSchema(const Bounds& bounds, const Words&) {
  return WordsSchema(bounds);
}

template <SectionType S>
Json ValueSchema(const Bounds&, const S&) {
  if constexpr (std::is_same_v<S, CommandKeys>) return {{"oneOf", {{{"const", kNoKeys}}, SectionSchema<S>()}}};
  return SectionSchema<S>();
}

template <class T>
Json ElementSchema() {
  const Json section = SectionSchema<T>();
  // A node may be its bare address.
  if constexpr (std::is_same_v<T, Node>) return {{"oneOf", {ValueSchema(AnyAddress(1), Address{}), section}}};
  if constexpr (std::is_same_v<T, KeyGroup>) return {{"oneOf", {ValueSchema(Choice(), GroupSet::kNone), section}}};
  return section;
}

template <class T>
Json ValueSchema(const Bounds& bounds, const std::vector<T>&) {
  if (bounds.kind == OptionKind::kName) return TextSchema(bounds);
  if (bounds.kind == OptionKind::kList) {
    return {{"type", "array"}, {"minItems", bounds.least}, {"maxItems", bounds.most}, {"items", ElementSchema<T>()}};
  }
  return {{"type", "object"},
          {"minProperties", bounds.least},
          {"maxProperties", bounds.most},
          {"propertyNames", TextSchema(Name())},
          {"additionalProperties", ElementSchema<T>()}};
}

template <class T>
Json DefaultOf(const Bounds& bounds, const T& value) {
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, Words>) return value;
  if constexpr (std::is_same_v<T, SignedNumber>) return value.value;
  // A count is a number in the file; what has a unit or a word for zero is text.
  if constexpr (std::is_integral_v<T>) {
    if (bounds.kind == OptionKind::kCount && (value != 0 || bounds.word_for_zero.empty())) return value;
  }
  return FormatValue(value, bounds);
}

template <SectionType S>
Json SectionSchema() {
  Json properties = Json::object();
  Json required = Json::array();
  S defaults;
  ForEachOption(defaults, [&]<class T>(const OptionFacts& row, const T& value) {
    Json option = ValueSchema(row.bounds, value);
    // What the schema itself cannot say of a text.
    constexpr OptionKind kTexts[] = {OptionKind::kDuration, OptionKind::kPercent, OptionKind::kFactor,
                                     OptionKind::kRate};
    const bool is_text = std::ranges::find(kTexts, row.bounds.kind) != std::end(kTexts);
    const std::string range = is_text ? " From " + DescribeBounds(row.bounds) + "." : "";
    option["description"] = std::string(row.doc) + range;
    if constexpr (Scalar<T>) {
      if (!row.bounds.required) option["default"] = DefaultOf(row.bounds, value);
    }
    if (row.bounds.required) required.push_back(row.name);
    properties[std::string(row.name)] = std::move(option);
  });
  Json schema = {{"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}};
  if (!required.empty()) schema["required"] = std::move(required);
  // Two options fill one member here, and the table's rows cannot say that exactly one of them is required.
  if constexpr (std::is_same_v<S, Listener>) {
    schema["oneOf"] = {{{"required", {"pool"}}}, {{"required", {"routes"}}}};
  }
  return schema;
}

}  // namespace

std::string JsonSchema() {
  Json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", "ringproxy configuration"}};
  schema.update(SectionSchema<Config>());
  return schema.dump(2) + "\n";
}

}  // namespace ringproxy::conf
