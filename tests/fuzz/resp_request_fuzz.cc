// What holds for any bytes a client may send. See tests/backends/wire/feed.h for what each single call is held to.
#include <cstdlib>

#include "tests/backends/wire/feed.h"

namespace {

using ringproxy::test::Cuts;
using ringproxy::test::Frame;
using ringproxy::test::RequestCodec;
using ringproxy::wire::Limits;

constexpr size_t kMostCuts = 64;  // Of one run; the unit tests try every cut of the corpus.

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckCuts(const RequestCodec& codec, std::string_view stream, const std::vector<Frame>& whole) {
  const size_t step = stream.size() / kMostCuts + 1;
  for (size_t cut = 1; cut < stream.size(); cut += step) Require(Feed(codec, stream, {cut}) == whole);
  if (step == 1) Require(Feed(codec, stream, ringproxy::test::EveryByte(stream.size())) == whole);
}

// What is forwarded means to a node what it meant to us.
void CheckEncoded(const RequestCodec& codec, const Frame& request) {
  const std::vector<Frame> again = Feed(codec, request.text, {});
  Require(again.size() == 1 && again[0].kind == "request");
  Require(again[0].end == request.text.size());
  Require(again[0].parts == request.parts && again[0].text == request.text);
}

void Check(const Limits& limits, std::string_view stream) {
  const RequestCodec codec(limits);
  const std::vector<Frame> whole = Feed(codec, stream, {});
  CheckCuts(codec, stream, whole);
  for (const Frame& frame : whole) {
    if (frame.kind == "request") CheckEncoded(codec, frame);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view stream(reinterpret_cast<const char*>(data), size);
  Check(Limits{}, stream);
  // Bounds that short inputs reach.
  Check({.request_bytes = 100, .bulk_bytes = 40, .key_bytes = 40, .arguments = 6, .inline_bytes = 64}, stream);
  return 0;
}
