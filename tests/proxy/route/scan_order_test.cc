#include "proxy/route/scan_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace ringproxy::proxy {
namespace {

constexpr uint64_t kExactDoubles = uint64_t{1} << 53;

ScanOrder OrderOf(const std::vector<std::string>& names) {
  std::vector<ScanOrder::ScanNode> nodes;
  for (uint32_t i = 0; i < names.size(); ++i) nodes.push_back({names[i], 0, i});
  return ScanOrder(std::move(nodes));
}

// By name, as a client finds them who asks from the beginning.
std::map<std::string, ScanTag> TagsOf(const std::vector<std::string>& names) {
  const ScanOrder order = OrderOf(names);
  std::map<std::string, ScanTag> tags;
  for (auto place = order.Find(0); place; place = order.After(*place)) tags[names[place->node]] = place->turn.tag;
  return tags;
}

std::vector<std::string> Names(int count, int first = 0) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back("pool\nr" + std::to_string(first + i));
  return names;
}

TEST(ScanOrder, VisitsEachNodeOnceFromItsBeginning) {
  const ScanOrder order = OrderOf(Names(50));
  std::set<uint32_t> seen;
  uint64_t cursor = 0;
  do {
    const auto place = order.Find(cursor);
    ASSERT_TRUE(place);
    EXPECT_EQ(place->node_cursor, 0u);
    EXPECT_TRUE(seen.insert(place->node).second);
    cursor = ClientCursor(0, place->turn).value();
  } while (cursor != 0);
  EXPECT_EQ(seen.size(), 50u);
}

TEST(ScanOrder, ComesBackToTheNodeWithItsOwnCursor) {
  const ScanOrder order = OrderOf(Names(3));
  const auto place = order.Find(0).value();
  for (const uint64_t own : {uint64_t{1}, uint64_t{1020}, (uint64_t{1} << 48) - 1}) {
    const auto again = order.Find(ClientCursor(own, place.turn).value());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->node, place.node);
    EXPECT_EQ(again->node_cursor, own);
  }
}

TEST(ScanOrder, GivesCursorsThatADoubleHoldsForNodesOfABillionKeys) {
  for (const auto& [name, tag] : TagsOf(Names(1000))) {
    EXPECT_GT(tag, 0) << name;
    EXPECT_LT(ClientCursor((uint64_t{1} << 37) - 1, {tag, 0}).value(), kExactDoubles);
  }
}

TEST(ScanOrder, HasNoCursorForOneThatIsTooLarge) {
  EXPECT_TRUE(ClientCursor((uint64_t{1} << 48) - 1, {65535, 0}));
  EXPECT_FALSE(ClientCursor(uint64_t{1} << 48, {1, 2}));
  EXPECT_FALSE(ClientCursor(~uint64_t{0}, {1, 2}));
}

TEST(ScanOrder, KnowsTheNodesByNameWhateverTheirOrder) {
  std::vector<std::string> names = Names(100);
  const auto tags = TagsOf(names);
  EXPECT_EQ(tags.size(), 100u);
  std::mt19937 random(1);
  std::ranges::shuffle(names, random);
  EXPECT_EQ(TagsOf(names), tags);
}

TEST(ScanOrder, KeepsItsTagsForEver) {
  // A client may come back with a cursor of an earlier release.
  EXPECT_EQ(TagsOf({"main\nr0", "main\nr1", "main\nr2"}),
            (std::map<std::string, ScanTag>{{"main\nr0", 15190}, {"main\nr1", 38271}, {"main\nr2", 33766}}));
}

TEST(ScanOrder, GivesEachOfManyNodesATagOfItsOwn) {
  // By their hashes alone about seven hundred of these would share one with another.
  EXPECT_EQ(TagsOf(Names(10'000)).size(), 10'000u);
  const auto all = TagsOf(Names(ScanOrder::kMostNodes));
  EXPECT_EQ(all.size(), ScanOrder::kMostNodes);
  const ScanOrder too_many = OrderOf(Names(ScanOrder::kMostNodes + 1));
  EXPECT_FALSE(too_many.is_complete());
  EXPECT_FALSE(too_many.Find(0));
}

TEST(ScanOrder, GoesOnWithTheNextHigherTagWhereANodeIsGone) {
  const auto tags = TagsOf(Names(10));
  std::vector<std::pair<ScanTag, std::string>> by_tag;
  for (const auto& [name, tag] : tags) by_tag.emplace_back(tag, name);
  std::ranges::sort(by_tag);
  std::vector<std::string> left = Names(10);
  std::erase(left, by_tag[4].second);
  const ScanOrder order = OrderOf(left);
  const auto place = order.Find(ClientCursor(77, {by_tag[4].first, 0}).value());
  ASSERT_TRUE(place);
  EXPECT_EQ(left[place->node], by_tag[5].second);
  EXPECT_EQ(place->node_cursor, 0u) << "it was the other node's";
  EXPECT_FALSE(OrderOf({by_tag[0].second}).Find(ClientCursor(77, {by_tag[9].first, 0}).value()));
}

// A scan over nodes of some pages each, which come and go meanwhile: the pages of those that stayed.
TEST(ScanOrder, SeesAllOfWhoeverStaysWhileOthersComeAndGo) {
  std::mt19937 random(7);
  const auto draw = [&](size_t below) { return std::uniform_int_distribution<size_t>(0, below - 1)(random); };
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> names = Names(20, 1000 * round);
    std::set<std::string> stay(names.begin(), names.end());
    std::set<std::pair<std::string, uint64_t>> seen;
    int fresh = 0;
    uint64_t cursor = 0;
    do {
      const auto place = OrderOf(names).Find(cursor);
      if (!place) break;
      seen.emplace(names[place->node], place->node_cursor);
      const uint64_t pages = 1 + place->node % 5;
      const uint64_t next = place->node_cursor + 1;
      // As a client that keeps it as a double.
      const auto kept = static_cast<double>(ClientCursor(next == pages ? 0 : next, place->turn).value());
      cursor = static_cast<uint64_t>(kept);
      if (draw(10) == 0 && names.size() > 2) {
        // Of one that has left nothing is known any more; who takes its place in the list is another.
        std::string& gone = names[draw(names.size())];
        stay.erase(gone);
        gone = "pool\nnew" + std::to_string(round) + "." + std::to_string(fresh++);
      }
    } while (cursor != 0);
    for (size_t i = 0; i < names.size(); ++i) {
      if (!stay.contains(names[i])) continue;
      for (uint64_t page = 0; page < 1 + i % 5; ++page) EXPECT_TRUE(seen.contains({names[i], page})) << round;
    }
  }
}

TEST(ScanCursor, IsReadAsStrtoulDoes) {
  EXPECT_EQ(ParseScanCursor("0"), 0u);
  EXPECT_EQ(ParseScanCursor(""), 0u);
  EXPECT_EQ(ParseScanCursor("00012"), 12u);
  EXPECT_EQ(ParseScanCursor("+1"), 1u);
  EXPECT_EQ(ParseScanCursor("-1"), ~uint64_t{0});
  EXPECT_EQ(ParseScanCursor("-18446744073709551615"), 1u);
  EXPECT_EQ(ParseScanCursor("18446744073709551615"), ~uint64_t{0});
  EXPECT_EQ(ParseScanCursor(std::string_view("5\0x", 3)), 5u);
  for (const char* bad : {" 1", "1 ", "x", "1x", "+", "-", "+ 1", "--1", "+-1", "1.0", "1e3", "0x10", "\t1",
                          "18446744073709551616", "-18446744073709551616", "99999999999999999999999999"}) {
    EXPECT_FALSE(ParseScanCursor(bad)) << bad;
  }
}

}  // namespace
}  // namespace ringproxy::proxy
