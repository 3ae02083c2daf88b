#include "conf/source.h"

#include <gtest/gtest.h>

namespace ringproxy::conf {
namespace {

TEST(Source, PlacesAMistakeAtItsPathOrTheNearestOneAbove) {
  Source source("f.yaml");
  source.Note("pools.a", {3, 1});
  source.Note("pools.a.nodes[0]", {5, 7});
  source.Fail("pools.a.nodes[0].weight", "is bad");
  source.Fail("pools.a.ring.hash", "is bad");
  source.Fail("admin", "is bad");
  EXPECT_EQ(ToString(source.TakeErrors()),
            "f.yaml: admin: is bad\n"
            "f.yaml:3:1: pools.a.ring.hash: is bad\n"
            "f.yaml:5:7: pools.a.nodes[0].weight: is bad\n");
  EXPECT_FALSE(source.has_errors());
}

TEST(Source, KnowsWhichPathsAreSound) {
  Source source("f.yaml");
  source.Fail("a", "is bad");
  EXPECT_FALSE(source.Sound({"b", "a"}));
  EXPECT_TRUE(source.Sound({"b", "a.c"}));
}

TEST(PathPart, KeepsThePartsOfAPathApart) {
  EXPECT_EQ(PathPart("sessions-1"), "sessions-1");
  EXPECT_EQ(PathPart("a.ring"), "\"a.ring\"");
  EXPECT_EQ(PathPart("a[0]"), "\"a[0]\"");
  EXPECT_EQ(PathPart(""), "\"\"");
  EXPECT_EQ(PathPart("a\nb"), "\"a\\x0ab\"");
  EXPECT_EQ(PathPart(std::string(500, 'x')).size(), 128U + 5);
}

}  // namespace
}  // namespace ringproxy::conf
