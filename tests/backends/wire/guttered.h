// tests/backends/wire/guttered.h – Requests as bytes, and what a gutter may see of them.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "backends/wire/gutter_request.h"
#include "backends/wire/memcache_request.h"
#include "tests/backends/wire/feed.h"

namespace ringproxy::test {

constexpr std::chrono::seconds kGutterTtl(60);

// What a gutter may see of the request, "no" for nothing. Asserts that nothing else is done to the output.
inline std::string Guttered(const wire::CommandSpec& spec, const wire::Request& request,
                            std::chrono::seconds ttl = kGutterTtl) {
  std::string out = "before";
  const bool may = wire::AppendGutterRequest(spec, request, {ttl, {}}, &out);
  EXPECT_TRUE(may || out == "before") << out;
  EXPECT_TRUE(out.starts_with("before"));
  return may ? out.substr(6) : "no";
}

// Blanks what is unwanted, as a session does.
inline std::string GutteredMemcache(std::string bytes, std::chrono::seconds ttl = kGutterTtl) {
  wire::MemcacheParser parser{wire::Limits{}};
  wire::MemcacheParser::Progress progress;
  EXPECT_EQ(parser.Parse(bytes, &progress), wire::MemcacheParser::MemcacheStatus::kRequest) << bytes;
  bytes.replace(parser.unwanted().offset, parser.unwanted().size, parser.unwanted().size, ' ');
  return Guttered(parser.spec().command, parser.request(), ttl);
}

// The arguments of the one request that `bytes` are.
template <typename Codec>
std::vector<std::string> Parsed(const std::string& bytes) {
  const std::vector<Frame> frames = Feed(Codec(wire::Limits{}), bytes, {});
  if (frames.size() != 1 || frames[0].kind != "request" || frames[0].end != bytes.size()) return {"not one request"};
  return frames[0].parts;
}

}  // namespace ringproxy::test
