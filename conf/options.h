// conf/options.h – What one row of the option table says. The rows stand in conf/option_table.h.
//
// Purpose: parser, --print-config, reference page and JSON schema are walks over the same rows, so that a new option is
// one member in conf/config.h and one row. A default is the member's initialiser and stands in no row.
// Threads: constants.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "conf/config.h"

namespace ringproxy::conf {

// What rows are written in.
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
inline constexpr uint64_t kKiB = 1ULL << 10;
inline constexpr uint64_t kMiB = 1ULL << 20;
inline constexpr uint64_t kGiB = 1ULL << 30;

// Whether a changed value can take effect in a running process or only when it starts anew.
enum class Reload : uint8_t { kLive, kRestart };

// How a value is written in the file.
enum class OptionKind : uint8_t {
  kCount,       // 128
  kSigned,      // -3
  kBytes,       // 64KiB
  kDuration,    // 20ms
  kPercent,     // 50%
  kFactor,      // 1.25
  kRate,        // 5000/s
  kFileMode,    // 0660
  kSwitch,      // true or false
  kOnDown,      // error, rehash or {gutter: POOL}
  kChoice,      // One of kNames<E>.
  kName,        // Shown in errors and metrics: no blanks, no control characters.
  kText,        // Any text.
  kWords,       // One word, or a list of words.
  kPath,        // A file.
  kAddress,     // host:port or unix:/path
  kTcpAddress,  // host:port
  kTcpOrNone,   // host:port, or nothing
  kSection,     // A map of options.
  kList,        // A list of sections.
  kNamedMap,    // A map from a name to a section.
};

// What a value may be. `least` and `most` hold counts, bytes, microseconds, thousandths, the length of a text, the
// number of entries or words, or (least) the lowest port, whichever the kind is about.
struct Bounds {
  OptionKind kind;
  uint64_t least = 0;
  uint64_t most = std::numeric_limits<uint64_t>::max();
  std::string_view word_for_zero =
      {};  // Written for 0, which is then allowed below `least`; a text keeps it as a word.
  bool required = false;

  constexpr Bounds Required() const { return {kind, least, most, word_for_zero, true}; }
};

constexpr Bounds Count(uint64_t least, uint64_t most) {
  return {OptionKind::kCount, least, most};
}
constexpr Bounds CountOrZero(std::string_view word, uint64_t least, uint64_t most) {
  return {OptionKind::kCount, least, most, word};
}
// From minus `most` to `most`.
constexpr Bounds Signed(uint64_t most) {
  return {OptionKind::kSigned, 0, most};
}
constexpr Bounds Bytes(uint64_t least, uint64_t most) {
  return {OptionKind::kBytes, least, most};
}
constexpr Bounds BytesOrZero(std::string_view word, uint64_t least, uint64_t most) {
  return {OptionKind::kBytes, least, most, word};
}
constexpr Bounds Duration(std::chrono::microseconds least, std::chrono::microseconds most) {
  return {OptionKind::kDuration, static_cast<uint64_t>(least.count()), static_cast<uint64_t>(most.count())};
}
constexpr Bounds Percent(uint64_t least, uint64_t most) {
  return {OptionKind::kPercent, least * 10, most * 10};
}
// Written "0", it is off.
constexpr Bounds FactorOrZero(uint64_t least_thousandths, uint64_t most_thousandths) {
  return {OptionKind::kFactor, least_thousandths, most_thousandths, "0"};
}
constexpr Bounds PerTime(uint64_t least, uint64_t most) {
  return {OptionKind::kRate, least, most};
}
// Written `word`, there is none.
constexpr Bounds PerTimeOrNone(std::string_view word, uint64_t least, uint64_t most) {
  return {OptionKind::kRate, least, most, word};
}
// Octal, as chmod takes it. Without a bit for anybody nobody could connect.
constexpr Bounds FileModeOrZero(std::string_view word) {
  return {OptionKind::kFileMode, 1, 0777, word};
}
constexpr Bounds Switch() {
  return {OptionKind::kSwitch};
}
constexpr Bounds WhenDown() {
  return {OptionKind::kOnDown};
}
constexpr Bounds Choice() {
  return {OptionKind::kChoice};
}
constexpr Bounds Name() {
  return {OptionKind::kName, 1, 128};
}
constexpr Bounds Text(uint64_t least, uint64_t most) {
  return {OptionKind::kText, least, most};
}
// Or `word`, which may be longer.
constexpr Bounds TextOr(std::string_view word, uint64_t least, uint64_t most) {
  return {OptionKind::kText, least, most, word};
}
// Each word is a Text(1, kLongestWord).
inline constexpr uint64_t kLongestWord = 1024;
constexpr Bounds WordList() {
  return {OptionKind::kWords, 0, 256};
}
constexpr Bounds Path() {
  return {OptionKind::kPath, 0, 4095};
}
constexpr Bounds AnyAddress(uint64_t lowest_port) {
  return {OptionKind::kAddress, lowest_port};
}
constexpr Bounds TcpAddress(uint64_t lowest_port) {
  return {OptionKind::kTcpAddress, lowest_port};
}
// Empty, it is Address{}.
constexpr Bounds TcpAddressOrNone(uint64_t lowest_port) {
  return {OptionKind::kTcpOrNone, lowest_port};
}
constexpr Bounds Section() {
  return {OptionKind::kSection};
}
constexpr Bounds ListOf(uint64_t least, uint64_t most) {
  return {OptionKind::kList, least, most};
}
constexpr Bounds MapOf(uint64_t least, uint64_t most) {
  return {OptionKind::kNamedMap, least, most};
}

// What a row says whatever its member is.
struct OptionFacts {
  std::string_view name;  // As in the file.
  Bounds bounds;
  Reload reload;
  std::string_view doc;  // One line for the reference page and the schema.
};

// Of section S, a member of type T. Each row has its own type, so that a walk over the rows is compiled for the members
// that there are and not for every type that a member could have. A visitor that takes the facts is compiled once a T.
template <class S, class T>
struct OptionRow : OptionFacts {
  constexpr OptionRow(std::string_view text, T S::*option, Bounds range, Reload when, std::string_view sentence)
      : OptionFacts{text, range, when, sentence}, member(option) {}
  T S::*member;
};

// The rows of section S, a tuple, specialised for each section in conf/option_table.h.
template <class S>
inline constexpr std::nullptr_t kOptions = nullptr;

// The names of an enum's values in the file, specialised in conf/option_names.h.
template <class E>
struct EnumName {
  E value;
  std::string_view name;
};
template <class E>
inline constexpr std::nullptr_t kNames = nullptr;

// A value that is written as one text or a few words, as opposed to a section or a collection of sections.
template <class T>
concept Scalar = std::is_enum_v<T> || std::is_integral_v<T> || std::is_same_v<T, std::chrono::microseconds> ||
    std::is_same_v<T, std::string> || std::is_same_v<T, Words> || std::is_same_v<T, Address> ||
    std::is_same_v<T, Ratio> || std::is_same_v<T, Rate> || std::is_same_v<T, OnDown> || std::is_same_v<T, SignedNumber>;
template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;
template <class T>
concept SectionType = !Scalar<T> && !kIsVector<T>;

// Calls f(row) for each row of S, in the table's order.
template <class S, class F>
void ForEachRow(F&& f) {
  std::apply([&](const auto&... row) { (f(row), ...); }, kOptions<std::remove_const_t<S>>);
}

// Calls f(row, section.*member) for each row of S, in the table's order.
template <class S, class F>
void ForEachOption(S& section, F&& f) {
  ForEachRow<S>([&](const auto& row) { f(row, section.*row.member); });
}

}  // namespace ringproxy::conf
