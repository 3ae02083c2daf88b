#include "backends/wire/key_mark.h"

#include <gtest/gtest.h>

#include <string>

namespace ringproxy::wire {
namespace {

using Kind = KeyMark::Kind;
using namespace std::string_literals;

Kind KindOf(std::string_view request) {
  return KeyMarkOf(request).kind;
}

TEST(KeyMark, IsOfWhateverRepliesNameWhatWasAsked) {
  for (const char* one : {"get k\r\n", "gets k\r\n", "gat 0 k\r\n", "gats -1 k\r\n", "gat  0  k\r\n"})
    EXPECT_EQ(KeyMarkOf(one), KeyMarkOf("get k\r\n")) << one;
  for (const char* several : {"get a b\r\n", "gets a b a\r\n", "gat 7 a b\r\n", "get  k\r\n", "get k \r\n"})
    EXPECT_EQ(KindOf(several), Kind::kSeveral) << several;
  for (const char* meta : {"mg k v O7\r\n", "ms k 2 k O7\r\nhi\r\n", "md k   O7\r\n", "ma YQ== b k O7\r\n"})
    EXPECT_EQ(KeyMarkOf(meta), KeyMarkOf("mg key O7\r\n")) << meta;
  for (const char* meta : {"mg k v k\r\n", "ms k 2 T30 k\r\nO7\r\n", "md k   k\r\n", "ma k k\r\n"})
    EXPECT_EQ(KeyMarkOf(meta), KeyMarkOf("mg k k\r\n")) << meta;
  EXPECT_EQ(KindOf("mg k k\r\n"), Kind::kKey);
  EXPECT_EQ(KindOf("me k\r\n"), Kind::kDebug);
}

TEST(KeyMark, IsNoneWhereNothingCanBeSaidOfTheReply) {
  for (const char* other :
       {"mg k v\r\n", "mg YQ== b k v\r\n", "me YQ== b\r\n", "ms k 2\r\nO7\r\n", "mn\r\n", "getx k\r\n",
        "gettysburg\r\n", "get k\n", "get", "g", "m", "set get 0 0 1\r\nx\r\n", "delete k\r\n", ""}) {
    EXPECT_EQ(KindOf(other), Kind::kNone) << other;
  }
  std::string many = "get";
  for (size_t i = 0; i < KeyMark::kMostMarked; ++i) many += " k" + std::to_string(i);
  EXPECT_EQ(KindOf(many + "\r\n"), Kind::kSeveral);
  EXPECT_EQ(KindOf(many + " more\r\n"), Kind::kNone);
}

TEST(KeyMark, FitsTheValueOfItsKey) {
  for (int i = 0; i < 100'000; ++i) {
    const std::string key = "key:" + std::to_string(i);
    const KeyMark mark = KeyMarkOf("get " + key + "\r\n");
    ASSERT_EQ(mark.kind, Kind::kOne);
    ASSERT_FALSE(NamesAnother("VALUE " + key + " 0 1\r\nx\r\nEND\r\n", mark)) << key;
  }
}

TEST(KeyMark, TellsNearlyEveryOtherKey) {
  const KeyMark mark = KeyMarkOf("get key\r\n");
  int alike = 0;
  for (int i = 0; i < 10'000; ++i) {
    if (!NamesAnother("VALUE key:" + std::to_string(i) + " 0 1\r\nx\r\nEND\r\n", mark)) ++alike;
  }
  EXPECT_LE(alike, 1);
}

TEST(KeyMark, OfSeveralFitsAnyOfThemAndTellsMostOthers) {
  std::string request = "get";
  std::string reply;
  for (int i = 0; i < 8; ++i) {
    request += " key:" + std::to_string(i);
    reply += "VALUE key:" + std::to_string(i) + " 0 5\r\nVALUE\r\n";
    ASSERT_FALSE(NamesAnother(reply + "END\r\n", KeyMarkOf("get none" + request.substr(3) + "\r\n")));
  }
  const KeyMark mark = KeyMarkOf(request + "\r\n");
  EXPECT_FALSE(NamesAnother(reply + "SERVER_ERROR out of memory\r\n", mark));
  int alike = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::string other = "VALUE other:" + std::to_string(i) + " 0 1\r\nx\r\n";
    if (!NamesAnother(other + "END\r\n", mark)) ++alike;
  }
  EXPECT_LE(alike, 3'000);
}

TEST(KeyMark, TellsAnotherOpaqueAndAnotherKeyOfAMetaReply) {
  const KeyMark opaque = KeyMarkOf("mg k v k O7\r\n");
  for (const char* own : {"VA 2 kk O7\r\nhi\r\n", "HD O7\r\n", "EN\r\n", "EN O7 kk\r\n", "NF O7\r\n",
                          "VA 2 kx\r\nO8\r\n", "CLIENT_ERROR Odd\r\n", "SERVER_ERROR Out of memory\r\n"}) {
    EXPECT_FALSE(NamesAnother(own, opaque)) << own;
  }
  for (const char* other : {"VA 2 kk O8\r\nO7\r\n", "HD O77\r\n", "EN O8\r\n", "OK O8\r\n"})
    EXPECT_TRUE(NamesAnother(other, opaque));
  const KeyMark key = KeyMarkOf("md k k\r\n");
  EXPECT_FALSE(NamesAnother("HD kk\r\n", key));
  EXPECT_FALSE(NamesAnother("NF\r\n", key));
  EXPECT_TRUE(NamesAnother("HD kx\r\n", key));
  EXPECT_FALSE(NamesAnother("ME k exp=-1 la=1 cas=2\r\n", KeyMarkOf("me k\r\n")));
  EXPECT_TRUE(NamesAnother("ME x exp=-1 la=1 cas=2\r\n", KeyMarkOf("me k\r\n")));
  EXPECT_FALSE(NamesAnother("EN\r\n", KeyMarkOf("me k\r\n")));
}

TEST(KeyMark, SaysNothingOfMissesAndErrors) {
  for (const char* reply : {"END\r\n", "ERROR\r\n", "SERVER_ERROR out of memory\r\n", "VALUE"}) {
    EXPECT_FALSE(NamesAnother(reply, KeyMarkOf("get k\r\n"))) << reply;
    EXPECT_FALSE(NamesAnother(reply, KeyMarkOf("get k l\r\n"))) << reply;
  }
}

}  // namespace
}  // namespace ringproxy::wire
