// tests/fuzz/cut_input.h – A stream and where it is cut, as the bytes that a fuzzer mutates; and what cuts may not
// change.
//
// Format: the stream; the places of up to seven cuts, two bytes each, the low one first; a byte of 0xf0 to 0xff, whose
// low three bits say how many cuts there are, and whose next bit asks for small limits. Bytes that do not end so are
// all stream, cut once in the middle, so that a file of a corpus may be what a socket carried and nothing else.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/backends/wire/feed.h"
#include "tests/fuzz/require.h"

namespace ringproxy::test {

struct CutInput {
  std::string_view stream;
  Cuts cuts;
  bool small_limits = false;
};

inline constexpr uint8_t kCutMark = 0xf0;
inline constexpr uint8_t kSmallLimits = 0x08;
inline constexpr uint8_t kMostCuts = 0x07;

inline CutInput ReadCutInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const uint8_t mark = size > 0 ? data[size - 1] : 0;
  const size_t count = mark & kMostCuts;
  if (mark < kCutMark || 2 * count + 1 > size) return {bytes, {size / 2}};
  CutInput input{bytes.substr(0, size - 2 * count - 1), {}, (mark & kSmallLimits) != 0};
  input.cuts.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const uint8_t* const place = data + input.stream.size() + 2 * i;
    input.cuts.push_back((place[0] + size_t{256} * place[1]) % (input.stream.size() + 1));
  }
  std::ranges::sort(input.cuts);
  return input;
}

// The input that has `stream` cut at one place, which is below 2^16.
inline std::string MakeCutInput(std::string_view stream, size_t cut, bool small_limits) {
  std::string input(stream);
  input += static_cast<char>(cut % 256);
  input += static_cast<char>(cut / 256);
  input += static_cast<char>(kCutMark + 1 + (small_limits ? kSmallLimits : 0));
  return input;
}

// Those of a proxy, or bounds that short streams reach.
inline wire::Limits LimitsOf(const CutInput& input) {
  if (!input.small_limits) return {};
  return {.request_bytes = 100, .bulk_bytes = 40, .key_bytes = 40, .arguments = 6, .inline_bytes = 64};
}

// Visits the frames of the stream when it comes whole. Cut, it has to have the same ones.
template <typename Codec, typename Visit>
void CheckFrames(const Codec& codec, const CutInput& input, Visit visit) {
  static std::string whole, cut;  // Kept, so that an execution allocates little.
  whole.clear();
  ForEachFrame(codec, input.stream, {}, [&](const FrameView& frame) {
    AppendFrame(frame, &whole);
    visit(frame);
  });
  LogFrames(codec, input.stream, input.cuts, &cut);
  Require(whole == cut);
}

}  // namespace ringproxy::test
