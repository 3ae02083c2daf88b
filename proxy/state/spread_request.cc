#include "proxy/state/spread_request.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "backends/wire/ascii.h"
#include "backends/wire/blocking.h"
#include "backends/wire/resp_encode.h"
#include "backends/wire/stream_options.h"

namespace ringproxy::proxy {
namespace {

using SpreadKind = SpreadRequest::SpreadKind;

std::string Encoded(std::span<const std::string_view> words) {
  std::string request;
  wire::AppendArrayHeader(words.size(), &request);
  for (const std::string_view word : words) wire::AppendBulk(word, &request);
  return request;
}

std::string SecondsText(std::optional<double> seconds) {
  return seconds ? std::to_string(*seconds) : "0";
}

}  // namespace

bool SpreadRequest::Takes(const wire::CommandSpec& spec, const wire::Request& request) {
  wire::KeyPositions keys;
  return KindOf(spec) && wire::WaitOf(spec, request) && wire::FindKeys(spec, request, &keys) == wire::KeyResult::kOk &&
         keys.size() <= kMostKeys;
}

std::optional<SpreadKind> SpreadRequest::KindOf(const wire::CommandSpec& spec) {
  using Kind = std::pair<std::string_view, SpreadKind>;
  static constexpr std::array kKinds{
      Kind{"blpop", SpreadKind::kLists},         Kind{"brpop", SpreadKind::kLists},
      Kind{"blmpop", SpreadKind::kLists},        Kind{"bzpopmin", SpreadKind::kSortedSets},
      Kind{"bzpopmax", SpreadKind::kSortedSets}, Kind{"bzmpop", SpreadKind::kSortedSets},
      Kind{"xread", SpreadKind::kStreams},       Kind{"xreadgroup", SpreadKind::kStreams},
  };
  const auto* const found = std::ranges::find(kKinds, spec.name, &Kind::first);
  return found != kKinds.end() ? std::optional(found->second) : std::nullopt;
}

std::string SpreadRequest::AboutFirstKey(const wire::CommandSpec& spec, const wire::Request& request) {
  wire::KeyPositions keys;
  wire::FindKeys(spec, request, &keys);
  std::vector<std::string_view> words;
  for (size_t i = 0; i < request.size(); ++i) words.push_back(request[i]);
  for (const uint32_t position : keys) words[position] = request[keys.front()];
  return Encoded(words);
}

SpreadRequest::SpreadRequest(const wire::CommandSpec& spec, const wire::Request& request)
    : spec_(&spec), kind_(*KindOf(spec)), bytes_(request.encoded()) {
  for (size_t i = 0; i < request.size(); ++i) arguments_.push_back(request.argument(i));
  wire::FindKeys(spec, request, &positions_);
  if (kind_ != SpreadKind::kStreams) return;
  for (const uint32_t position : positions_) ids_.emplace_back(Word(position + key_count()));
}

std::string SpreadRequest::About(std::span<const uint32_t> keys, std::optional<double> seconds) const {
  if (kind_ == SpreadKind::kStreams) return AboutStreams(keys, seconds);
  const std::string time = SecondsText(seconds);
  const std::string count = std::to_string(keys.size());
  std::vector<std::string_view> words{Word(0)};
  // BLMPOP and BZMPOP say the time and how many keys there are before them, all others the time behind them.
  const bool is_counted = spec_->keys.kind == wire::KeyKind::kCounted;
  if (is_counted) words.insert(words.end(), {time, count});
  for (const uint32_t i : keys) words.push_back(key(i));
  if (!is_counted) words.push_back(time);
  for (uint32_t i = positions_.back() + 1; is_counted && i < arguments_.size(); ++i) words.push_back(Word(i));
  return Encoded(words);
}

std::string SpreadRequest::WaiterOf(uint32_t i, std::optional<double> seconds) const {
  const bool is_counted = spec_->keys.kind == wire::KeyKind::kCounted;
  const bool is_right =
      is_counted ? wire::EqualsIgnoringCase(Word(positions_.back() + 1), "right") : spec_->name == "brpop";
  const std::string_view end = is_right ? "RIGHT" : "LEFT";
  const std::string time = SecondsText(seconds);
  return Encoded(std::array{std::string_view("BLMOVE"), key(i), key(i), end, end, std::string_view(time)});
}

std::string SpreadRequest::AboutStreams(std::span<const uint32_t> keys, std::optional<double> seconds) const {
  constexpr double kPerSecond = 1000;
  const auto milliseconds = std::to_string(seconds ? static_cast<int64_t>(std::ceil(*seconds * kPerSecond)) : 0);
  const wire::StreamOptions options = wire::ReadStreamOptions(wire::Request(bytes_, arguments_));
  std::vector<std::string_view> words;
  for (uint32_t i = 0; i <= options.streams; ++i) words.push_back(i == options.wait ? milliseconds : Word(i));
  for (const uint32_t i : keys) words.push_back(key(i));
  for (const uint32_t i : keys) words.push_back(ids_[i]);
  return Encoded(words);
}

bool SpreadRequest::IsFromEnd(uint32_t key) const {
  return kind_ == SpreadKind::kStreams && spec_->name == "xread" && ids_[key] == "$";
}

std::string SpreadRequest::EndQuestionOf(uint32_t i) const {
  return Encoded(std::array{std::string_view("XINFO"), std::string_view("STREAM"), key(i)});
}

}  // namespace ringproxy::proxy
