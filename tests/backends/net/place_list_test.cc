#include "backends/net/place_list.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>

namespace ringproxy::net {
namespace {

TEST(PlaceList, HandsOutPlacesThatNobodyHas) {
  PlaceList<std::string> list;
  EXPECT_EQ(list.Acquire(), 0U);
  EXPECT_EQ(list.Acquire(), 1U);
  EXPECT_EQ(list.in_use(), 2U);
  list.Release(0);
  EXPECT_EQ(list.in_use(), 1U);
  EXPECT_EQ(list.Acquire(), 0U);
  EXPECT_EQ(list.Acquire(), 2U);
}

TEST(PlaceList, LeavesAPlaceAsItsLastOwnerDid) {
  PlaceList<std::string> list;
  list[list.Acquire()] = "kept";
  list.Release(0);
  EXPECT_EQ(list[list.Acquire()], "kept");
}

TEST(PlaceList, KeepsReferencesWhereItsPlacesDo) {
  PlaceList<int, std::deque<int>> list;
  int& first = list[list.Acquire()];
  for (int i = 0; i < 1000; ++i) list.Acquire();
  EXPECT_EQ(&first, &list[0]);
}

TEST(PlaceList, GivesItsMemoryBackOnlyWhenNobodyHasAPlace) {
  PlaceList<std::string> list;
  const uint32_t first = list.Acquire();
  list[list.Acquire()] = "second";
  list.Release(1);
  list.ShrinkIfUnused();
  EXPECT_EQ(list[1], "second");
  list.Release(first);
  list.ShrinkIfUnused();
  EXPECT_EQ(list.begin(), list.end());
  EXPECT_EQ(list.Acquire(), 0U);
}

TEST(PlaceList, ShowsAllPlaces) {
  PlaceList<int> list;
  for (int i = 0; i < 3; ++i) list[list.Acquire()] = i;
  list.Release(1);
  int sum = 0;
  for (const int place : list) sum += place;
  EXPECT_EQ(sum, 3);
}

}  // namespace
}  // namespace ringproxy::net
