// conf/values.h – One value of an option, as text and back, under the bounds of its row.
//
// Purpose: what parser, printer, reference page and schema have in common, for each type that an option can have.
// Promise: ReadValue(FormatValue(v)) gives v for every v within its bounds, but for words.
// Threads: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "conf/option_table.h"
#include "conf/result.h"

namespace ringproxy::conf {

// The value in `text`, or which value is wrong and which bound it breaks. Kinds that differ in their text (counts,
// bytes; names, texts) share a type, so the bounds say which is meant.
std::optional<Problem> ReadValue(std::string_view text, const Bounds& bounds, uint64_t& value);
std::optional<Problem> ReadValue(std::string_view text, const Bounds& bounds, uint32_t& value);
std::optional<Problem> ReadValue(std::string_view text, const Bounds& bounds, std::chrono::microseconds& value);
std::optional<Problem> ReadValue(std::string_view text, const Bounds& bounds, std::string& value);
std::optional<Problem> ReadValue(std::string_view text, const Bounds& bounds, Address& value);
std::optional<Problem> ReadValue(std::string_view text, const Bounds& bounds, Ratio& value);
std::optional<Problem> ReadValue(std::string_view text, const Bounds& bounds, Rate& value);
std::optional<Problem> ReadValue(std::string_view text, const Bounds& bounds, bool& value);
std::optional<Problem> ReadValue(std::string_view text, const Bounds& bounds, SignedNumber& value);
// The words alone; {gutter: POOL} is the parser's.
std::optional<Problem> ReadValue(std::string_view text, const Bounds& bounds, OnDown& value);

std::string FormatValue(uint64_t value, const Bounds& bounds);
std::string FormatValue(uint32_t value, const Bounds& bounds);
std::string FormatValue(std::chrono::microseconds value, const Bounds& bounds);
std::string FormatValue(const std::string& value, const Bounds& bounds);
// For showing, "[a, b]": the parser reads words one by one, and the printer quotes them.
std::string FormatValue(const Words& value, const Bounds& bounds);
std::string FormatValue(const Address& value, const Bounds& bounds);
std::string FormatValue(Ratio value, const Bounds& bounds);
std::string FormatValue(Rate value, const Bounds& bounds);
std::string FormatValue(bool value, const Bounds& bounds);
std::string FormatValue(SignedNumber value, const Bounds& bounds);
std::string FormatValue(const OnDown& value, const Bounds& bounds);

// For a number of entries that breaks the bounds of a list or a map.
std::optional<Problem> CheckEntries(size_t entries, const Bounds& bounds);

// What the kind's values look like, in one word or two: "a duration", "HOST:PORT or unix:/PATH".
std::string DescribeKind(const Bounds& bounds);
// "1ms to 1m", "1 to 1024 or auto"; empty when the kind alone says all.
std::string DescribeBounds(const Bounds& bounds);

// "no_such is unknown; it may be vnode or modula"
Problem UnknownName(std::string_view text, std::span<const std::string_view> names);

template <class E>
std::vector<std::string_view> NamesOf() {
  std::vector<std::string_view> names;
  for (const EnumName<E>& row : kNames<E>) names.push_back(row.name);
  return names;
}

template <class E>
requires std::is_enum_v<E> std::optional<Problem> ReadValue(std::string_view text, const Bounds&, E& value) {
  for (const EnumName<E>& row : kNames<E>) {
    if (row.name != text) continue;
    value = row.value;
    return std::nullopt;
  }
  return UnknownName(text, NamesOf<E>());
}

// The name of a choice: "vnode".
template <class E>
requires std::is_enum_v<E> std::string_view NameOf(E value) {
  for (const EnumName<E>& row : kNames<E>) {
    if (row.value == value) return row.name;
  }
  return {};
}

template <class E>
requires std::is_enum_v<E> std::string FormatValue(E value, const Bounds&) {
  return std::string(NameOf(value));
}

}  // namespace ringproxy::conf
