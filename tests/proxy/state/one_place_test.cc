#include "proxy/state/one_place.h"

#include <gtest/gtest.h>

#include "tests/support/test_request.h"
#include "tests/support/test_snapshot.h"

namespace ringproxy::proxy {
namespace {

class OnePlaceTest : public testing::Test {
 protected:
  OnePlaceTest() {
    conf::Config config;
    for (const char* name : {"main", "carts"}) {
      conf::Pool& pool = config.pools.emplace_back();
      pool.name = name;
      pool.nodes = {{"r0", {"10.0.0.1", 1, ""}, 1}, {"r1", {"10.0.0.2", 1, ""}, 1}};
    }
    conf::Listener& listener = config.listeners.emplace_back();
    listener.limits.key_bytes = 20;
    listener.routes = {{"cart:", "carts"}, {"", "main"}};
    snapshot_ = MakeSnapshot(std::move(config));
  }
  std::string KeyOf(uint32_t node, const std::string& prefix = "k") const {
    for (int i = 0;; ++i) {
      std::string key = prefix + std::to_string(i);
      if (RouteKey(*snapshot_, snapshot_->listeners[0], key).node == node) return key;
    }
  }
  std::optional<NodeId> Find(const std::string& line, std::optional<OnePlace::KnownKey> known = {}) {
    request_.emplace(test::TestRequest::Split(line));
    const wire::Request request = *request_;
    return one_place_.Find(*wire::FindRedisCommand(request), request, *snapshot_, 0, known, &failure_);
  }

  std::shared_ptr<const Snapshot> snapshot_;
  std::optional<test::TestRequest> request_;
  OnePlace one_place_;
  wire::Failure failure_;
};

TEST_F(OnePlaceTest, IsTheOwnerOfAllKeys) {
  const std::string line = "watch " + KeyOf(1) + " " + KeyOf(1, "x");
  EXPECT_EQ(Find(line), (NodeId{0, 1}));
  EXPECT_EQ(Find("ping"), RouteKey(*snapshot_, snapshot_->listeners[0], {}));
}

TEST_F(OnePlaceTest, NamesTheKeysThatLieApart) {
  const std::string a = KeyOf(0);
  const std::string b = KeyOf(1);
  const std::string line = "watch " + a + " " + b;
  EXPECT_EQ(Find(line), std::nullopt);
  EXPECT_EQ(failure_.code, wire::ErrorCode::kCrossSlot);
  EXPECT_EQ(failure_.key, a);
  EXPECT_EQ(failure_.node, "r0");
  EXPECT_EQ(failure_.other_key, b);
  EXPECT_EQ(failure_.other_node, "r1");
  EXPECT_EQ(Find("get " + b, OnePlace::KnownKey{{0, 0}, a}), std::nullopt);
  EXPECT_EQ(Find("get " + a, OnePlace::KnownKey{{0, 0}, a}), (NodeId{0, 0}));
  EXPECT_EQ(Find("get " + KeyOf(0, "cart:"), OnePlace::KnownKey{{0, 0}, a}), std::nullopt);
  EXPECT_EQ(failure_.other_node, "r0 of pool carts");
  EXPECT_EQ(Find("get " + std::string(21, 'x')), std::nullopt);
  EXPECT_EQ(failure_.code, wire::ErrorCode::kKeyTooLong);
}

}  // namespace
}  // namespace ringproxy::proxy
