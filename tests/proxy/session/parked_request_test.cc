#include "proxy/session/parked_request.h"

#include <gtest/gtest.h>

#include "backends/net/block_pool.h"
#include "backends/wire/memcache_command.h"
#include "backends/wire/resp_request.h"
#include "tests/support/test_request.h"

namespace ringproxy::proxy {
namespace {

using test::TestRequest;

const wire::CommandSpec& Set() {
  return *wire::FindRedisCommand("set");
}

TEST(ParkedRequest, OutlivesTheBytesOfWhichItWasMade) {
  auto words = std::make_unique<TestRequest>(std::initializer_list<std::string_view>{"SET", "key", "value"});
  std::unique_ptr<ParkedRequest> parked;
  std::string encoded;
  {
    const wire::Request request = *words;
    encoded = request.encoded();
    RoutedRequest routed{Set(), request, {}};
    routed.command = 17;
    routed.has_priority = true;
    routed.cas = wire::CasPlace::kFlags;
    parked = std::make_unique<ParkedRequest>(std::move(routed), 5);
  }
  words.reset();
  EXPECT_EQ(parked->slot(), 5U);
  EXPECT_EQ(&parked->spec(), &Set());
  EXPECT_EQ(parked->request().encoded(), encoded);
  const RoutedRequest taken = parked->Take();
  EXPECT_EQ(&taken.spec, &Set());
  EXPECT_EQ(taken.request.encoded(), encoded);
  ASSERT_EQ(taken.request.size(), 3U);
  EXPECT_EQ(taken.request[0], "SET");
  EXPECT_EQ(taken.request[1], "key");
  EXPECT_EQ(taken.request[2], "value");
  EXPECT_EQ(taken.command, 17U);
  EXPECT_TRUE(taken.has_priority);
  EXPECT_EQ(taken.cas, wire::CasPlace::kFlags);
  EXPECT_FALSE(taken.block);
  EXPECT_EQ(taken.routing_key, std::nullopt);
}

TEST(ParkedRequest, TakesTheBlockAlongAndHandsItOver) {
  net::BlockPool blocks;
  const TestRequest words({"SET", "key", std::string_view(std::string(100'000, 'v'))});
  const wire::Request original = words;
  const std::string encoded(original.encoded());
  std::vector<wire::ArgumentSpan> spans;
  for (size_t i = 0; i < original.size(); ++i) spans.push_back(original.argument(i));
  net::Block block = blocks.Copy(encoded);
  const char* bytes = block.bytes().data();
  const wire::Request in_block(block.bytes(), spans);
  ParkedRequest parked({Set(), in_block, std::move(block)}, 0);
  EXPECT_EQ(parked.request().encoded().data(), bytes);  // Moved and not copied.
  {
    const RoutedRequest taken = parked.Take();
    EXPECT_EQ(taken.block.bytes().data(), bytes);
    EXPECT_EQ(taken.request.encoded(), encoded);
    EXPECT_EQ(taken.request[1], "key");
    EXPECT_EQ(blocks.blocks_in_use(), 1U);
  }
  EXPECT_EQ(blocks.blocks_in_use(), 0U);  // It went with whoever took it.
}

TEST(ParkedRequest, KeepsARoutingKeyOfItsOwn) {
  const TestRequest words({"mg", "azA=", "b"});
  const wire::Request request = words;
  std::optional<ParkedRequest> parked;
  {
    std::string decoded = "a routing key that is too long for a small string";
    RoutedRequest routed{wire::FindMemcacheCommand("mg")->command, request, {}};
    routed.routing_key = decoded;
    parked.emplace(std::move(routed), 0);
    decoded.assign(decoded.size(), 'x');
  }
  EXPECT_EQ(parked->Take().routing_key, "a routing key that is too long for a small string");
}

}  // namespace
}  // namespace ringproxy::proxy
