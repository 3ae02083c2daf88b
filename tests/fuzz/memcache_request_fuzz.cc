// What holds for any bytes a memcached client may send. See tests/backends/wire/feed.h for what each single call is
// held to.
#include "backends/wire/memcache_rewrite.h"
#include "tests/fuzz/cut_input.h"

namespace {

using ringproxy::test::CutInput;
using ringproxy::test::FrameView;
using ringproxy::test::MemcacheRequestCodec;
using ringproxy::test::Require;
using ringproxy::wire::Limits;
using ringproxy::wire::MemcacheParser;

// What is forwarded means to a node what it meant to us: one request, wholly used, no wish to stay unanswered, and no
// line that the node might not read to its end.
void CheckForwarded(const Limits& limits, std::string_view bytes) {
  MemcacheParser parser(limits);
  MemcacheParser::Progress progress;
  std::string request(bytes);
  Require(parser.Parse(request, &progress) == MemcacheParser::MemcacheStatus::kRequest);
  request.replace(parser.unwanted().offset, parser.unwanted().size, parser.unwanted().size, ' ');
  std::string forwarded(parser.request().encoded());
  const auto check = [&] {
    MemcacheParser node(limits);
    Require(node.Parse(forwarded, &progress) == MemcacheParser::MemcacheStatus::kRequest);
    Require(node.size() == forwarded.size() && node.unwanted().size == 0);
    Require(forwarded.find('\0') == std::string::npos || forwarded.find('\0') > forwarded.find('\n'));
  };
  // Words that are only noreply's may be too few without it; the node says so in one line.
  const bool has_data = parser.spec().syntax == ringproxy::wire::MemcacheSyntax::kStorage ||
                        parser.spec().syntax == ringproxy::wire::MemcacheSyntax::kMetaSet;
  if (parser.unwanted().size == 0 || has_data) check();
  forwarded.clear();
  const ringproxy::wire::ExpiryCap cap{std::chrono::seconds(60), {}};
  AppendForNode(parser.request(), {parser.cas(), ringproxy::wire::MakeCasTag(1), cap}, &forwarded);
  Require(!forwarded.empty() && forwarded.ends_with("\r\n"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const CutInput input = ringproxy::test::ReadCutInput(data, size);
  const Limits limits = LimitsOf(input);
  size_t start = 0;
  CheckFrames(MemcacheRequestCodec(limits), input, [&](const FrameView& frame) {
    if (frame.kind == "request") CheckForwarded(limits, input.stream.substr(start, frame.end - start));
    if (frame.kind == "refused") Require(frame.text.empty() || frame.text.ends_with("\r\n"));
    start = frame.end;
  });
  return 0;
}
