// What holds for any bytes a client may send. See tests/backends/wire/feed.h for what each single call is held to.
#include "tests/fuzz/cut_input.h"

namespace {

using ringproxy::test::CutInput;
using ringproxy::test::FrameView;
using ringproxy::test::RequestCodec;
using ringproxy::test::Require;

// What is forwarded means to a node what it meant to us.
void CheckEncoded(const RequestCodec& codec, FrameView request) {
  static std::string expected, again;
  expected.clear();
  request.end = request.text.size();
  AppendFrame(request, &expected);
  LogFrames(codec, request.text, {}, &again);
  Require(again == expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const CutInput input = ringproxy::test::ReadCutInput(data, size);
  const RequestCodec codec(LimitsOf(input));
  CheckFrames(codec, input, [&](const FrameView& frame) {
    if (frame.kind == "request") CheckEncoded(codec, frame);
  });
  return 0;
}
