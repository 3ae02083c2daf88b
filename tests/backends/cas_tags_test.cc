#include "backends/cas_tags.h"

#include <gtest/gtest.h>

#include <set>

namespace ringproxy::backends {
namespace {

conf::Pool PoolOf(const std::vector<std::string>& names) {
  conf::Pool pool;
  for (const std::string& name : names) pool.nodes.push_back({name, {"10.0.0.1", 1, ""}, 1});
  return pool;
}

// semantics.md 24: every proxy of a fleet makes the same tokens, whatever else it knows of the nodes.
TEST(CasTags, FollowFromTheNamesAlone) {
  const std::vector<wire::CasTag> tags = CasTagsOf(PoolOf({"a", "b", "c"}));
  ASSERT_EQ(tags.size(), 3U);
  EXPECT_EQ(std::set(tags.begin(), tags.end()).size(), 3U);
  EXPECT_EQ(CasTagsOf(PoolOf({"c", "a", "b"})), (std::vector{tags[2], tags[0], tags[1]}));
  conf::Pool moved = PoolOf({"a", "b", "c"});
  moved.nodes[1].address.port = 7;
  EXPECT_EQ(CasTagsOf(moved), tags);
}

}  // namespace
}  // namespace ringproxy::backends
