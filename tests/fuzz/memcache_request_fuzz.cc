// What holds for any bytes a memcached client may send. See tests/backends/wire/feed.h for what each single call is
// held to.
#include <cstdlib>

#include "backends/wire/memcache_rewrite.h"
#include "tests/backends/wire/feed.h"

namespace {

using ringproxy::test::Frame;
using ringproxy::test::MemcacheRequestCodec;
using ringproxy::wire::Limits;
using ringproxy::wire::MemcacheParser;

constexpr size_t kMostCuts = 64;  // Of one run; the unit tests try every cut of the corpus.

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckCuts(const MemcacheRequestCodec& codec, std::string_view stream, const std::vector<Frame>& whole) {
  const size_t step = stream.size() / kMostCuts + 1;
  for (size_t cut = 1; cut < stream.size(); cut += step) Require(Feed(codec, stream, {cut}) == whole);
  if (step == 1) Require(Feed(codec, stream, ringproxy::test::EveryByte(stream.size())) == whole);
}

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

void Check(const Limits& limits, std::string_view stream) {
  const MemcacheRequestCodec codec(limits);
  const std::vector<Frame> whole = Feed(codec, stream, {});
  CheckCuts(codec, stream, whole);
  size_t start = 0;
  for (const Frame& frame : whole) {
    if (frame.kind == "request") CheckForwarded(limits, stream.substr(start, frame.end - start));
    if (frame.kind == "refused") Require(frame.text.empty() || frame.text.ends_with("\r\n"));
    start = frame.end;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view stream(reinterpret_cast<const char*>(data), size);
  Check(Limits{}, stream);
  Check({.request_bytes = 100, .bulk_bytes = 40, .key_bytes = 40, .arguments = 6, .inline_bytes = 64}, stream);
  return 0;
}
