#include "proxy/route/database_key.h"

#include <gtest/gtest.h>

namespace ringproxy::proxy {
namespace {

TEST(DatabaseKey, OfDatabaseZeroIsTheKeyItself) {
  const std::string key = "cart:1";
  const DatabaseKey noted(0, key);
  EXPECT_EQ(noted.text().data(), key.data());
  EXPECT_EQ(DatabaseKey::Split(noted.text()).database, 0);
  EXPECT_EQ(DatabaseKey::Split(noted.text()).key, key);
}

TEST(DatabaseKey, TellsEqualKeysOfTwoDatabasesApart) {
  using namespace std::literals;
  EXPECT_NE(DatabaseKey(1, "k").text(), DatabaseKey(2, "k").text());
  for (const uint16_t database : {1, 15, 65534}) {
    for (const std::string_view key : {"k"sv, ""sv, "\0"sv, "\0002\0k"sv}) {
      const DatabaseKey noted(database, key);
      EXPECT_EQ(DatabaseKey::Split(noted.text()).database, database);
      EXPECT_EQ(DatabaseKey::Split(noted.text()).key, key);
    }
  }
}

TEST(DatabaseKey, TakesAKeyWithNulsForWhatItIs) {
  using namespace std::literals;
  for (const std::string_view key :
       {"\0"sv, "\0\0k"sv, "\0x\0k"sv, "\0000\0k"sv, "\00099999\0k"sv, "\0001"sv, "\0001x\0k"sv}) {
    EXPECT_EQ(DatabaseKey::Split(key).database, 0);
    EXPECT_EQ(DatabaseKey::Split(key).key, key);
  }
}

}  // namespace
}  // namespace ringproxy::proxy
