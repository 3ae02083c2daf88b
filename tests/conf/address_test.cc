#include "conf/address.h"

#include <gtest/gtest.h>

namespace ringproxy::conf {
namespace {

Address ParsedAddress(std::string_view text) {
  const Result<Address, Problem> address = ParseAddress(text);
  EXPECT_TRUE(address.ok()) << text;
  return address.ok() ? *address : Address{};
}

TEST(ParseAddress, ReadsEachFormAndWritesItBack) {
  EXPECT_EQ(ParsedAddress("127.0.0.1:6380"), (Address{"127.0.0.1", 6380, ""}));
  EXPECT_EQ(ParsedAddress("[::1]:6380"), (Address{"::1", 6380, ""}));
  EXPECT_EQ(ParsedAddress("cache-1.internal:6379"), (Address{"cache-1.internal", 6379, ""}));
  EXPECT_EQ(ParsedAddress("unix:/run/x.sock"), (Address{"", 0, "/run/x.sock"}));
  for (const char* text : {"127.0.0.1:0", "0.0.0.0:65535", "[::]:1", "[fe80::1%eth0]:6379", "redis_1:6379", "a:1",
                           "[fe80::1%2]:1", "cache.internal.:6379", "Redis.Example:1", "xn--bcher-kva.example:1",
                           "unix:relative.sock", "unix:/with space:and:colons"}) {
    EXPECT_EQ(ParsedAddress(text).ToString(), text);
  }
}

TEST(ParseAddress, SaysWhatIsMissing) {
  EXPECT_EQ(ParseAddress("redis-1").errors().text, "redis-1 lacks a port, as in 127.0.0.1:6380");
  EXPECT_EQ(ParseAddress(":6380").errors().text, ":6380 lacks a host; every interface is 0.0.0.0:6380");
  EXPECT_EQ(ParseAddress(":1\n2").errors().text, "\":1\\x0a2\" lacks a host; every interface is \"0.0.0.0:1\\x0a2\"");
  EXPECT_EQ(ParseAddress("::1:6380").errors().text, "::1:6380 is an IPv6 address without brackets, as in [::1]:6380");
  EXPECT_EQ(ParseAddress("/run/x.sock").errors().text, "/run/x.sock is a path; a Unix socket is written unix:/path");
}

TEST(ParseAddress, RepeatsNoLogin) {
  for (const char* text : {"redis://app:hunter2@a:1", "app:hunter2@a:1", "redis://:hunter2@@a:1", "hunter2@a:1"}) {
    EXPECT_EQ(ParseAddress(text).errors().text,
              "@a:1 stands behind a login, which is no part of an address; see auth.password_file");
  }
}

TEST(ParseAddress, RefusesWhatNoSocketCouldBeBoundTo) {
  for (const char* text : {"",     ":",     "a:",          "a:b",         "a:-1",  "a:+1",     "a:65536", "a:1 ",
                           " a:1", "a b:1", "256.0.0.1:1", "1.2.3:1",     "[]:1",  "[::1:1",   "::1]:1",  "[1.2.3.4]:1",
                           "-a:1", ".a:1",  "redis://a:1", "user@host:1", "unix:", "unix:/a\n"}) {
    EXPECT_FALSE(ParseAddress(text).ok()) << text;
  }
}

TEST(ParseAddress, AllowsTheLongestNameOfTheDnsAndNoLonger) {
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'a');
  EXPECT_TRUE(ParseAddress(longest + ":1").ok());
  EXPECT_TRUE(ParseAddress(longest + ".:1").ok());
  EXPECT_FALSE(ParseAddress(longest + "a:1").ok());
  EXPECT_FALSE(ParseAddress(label + "a.example:1").ok());
  for (const char* text : {"a..b:1", "a..:1", ".:1"}) EXPECT_FALSE(ParseAddress(text).ok()) << text;
}

TEST(ParseAddress, TakesForAZoneWhatMayNameAnInterface) {
  EXPECT_TRUE(ParseAddress("[fe80::1%" + std::string(15, 'e') + "]:1").ok());
  EXPECT_FALSE(ParseAddress("[fe80::1%" + std::string(16, 'e') + "]:1").ok());
  for (const char* text :
       {"[fe80::1%]:1", "[fe80::1%a b]:1", "[fe80::1%e\n]:1", "[fe80::1%a/b]:1", "[fe80::1%a%b]:1"}) {
    EXPECT_FALSE(ParseAddress(text).ok()) << text;
  }
}

TEST(ParseAddress, AllowsTheLongestSocketPathOfTheKernelAndNoLonger) {
  EXPECT_TRUE(ParseAddress("unix:" + std::string(107, 'x')).ok());
  EXPECT_FALSE(ParseAddress("unix:" + std::string(108, 'x')).ok());
}

TEST(IsLoopback, HoldsForThisHostAlone) {
  for (const char* text : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "LocalHost.:1", "unix:/x"}) {
    EXPECT_TRUE(IsLoopback(ParsedAddress(text))) << text;
  }
  for (const char* text : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "127.evil.example:1", "localhost.example:1"}) {
    EXPECT_FALSE(IsLoopback(ParsedAddress(text))) << text;
  }
}

TEST(Collide, HoldsForAddressesThatCannotBothBeBound) {
  const auto collide = [](std::string_view a, std::string_view b) {
    return Collide(ParsedAddress(a), ParsedAddress(b));
  };
  EXPECT_TRUE(collide("127.0.0.1:1", "127.0.0.1:1"));
  EXPECT_TRUE(collide("0.0.0.0:1", "127.0.0.1:1"));
  EXPECT_TRUE(collide("[::1]:1", "[::]:1"));
  EXPECT_TRUE(collide("unix:/a", "unix:/a"));
  EXPECT_FALSE(collide("127.0.0.1:0", "127.0.0.1:0"));
  EXPECT_FALSE(collide("127.0.0.1:1", "127.0.0.1:2"));
  EXPECT_FALSE(collide("127.0.0.1:1", "127.0.0.2:1"));
  EXPECT_FALSE(collide("0.0.0.0:1", "[::]:1"));
  EXPECT_FALSE(collide("unix:/a", "unix:/b"));
  EXPECT_FALSE(collide("unix:/a", "127.0.0.1:1"));
}

TEST(Reaches, KnowsTheSameSocketByItsOtherAddresses) {
  const auto reaches = [](std::string_view node, std::string_view listen) {
    return Reaches(ParsedAddress(node), ParsedAddress(listen));
  };
  EXPECT_TRUE(reaches("127.0.0.1:1", "127.0.0.1:1"));
  EXPECT_TRUE(reaches("127.0.0.1:1", "0.0.0.0:1"));
  EXPECT_TRUE(reaches("127.8.8.8:1", "0.0.0.0:1"));
  EXPECT_TRUE(reaches("localhost:1", "0.0.0.0:1"));
  EXPECT_TRUE(reaches("localhost:1", "[::1]:1"));
  EXPECT_TRUE(reaches("LOCALHOST.:1", "0.0.0.0:1"));
  EXPECT_TRUE(reaches("127.0.0.1:1", "localhost:1"));
  EXPECT_TRUE(reaches("0.0.0.0:1", "127.0.0.1:1"));
  EXPECT_TRUE(reaches("[::1]:1", "[::]:1"));
  EXPECT_TRUE(reaches("[0:0::1]:1", "[::0]:1"));
  EXPECT_TRUE(reaches("127.0.0.1:1", "[::]:1"));
  EXPECT_TRUE(reaches("[::ffff:127.0.0.1]:1", "0.0.0.0:1"));
  EXPECT_TRUE(reaches("cache.example:1", "cache.example:1"));
  EXPECT_TRUE(reaches("unix:/a", "unix:/a"));
  EXPECT_FALSE(reaches("127.0.0.1:2", "0.0.0.0:1"));
  EXPECT_FALSE(reaches("127.0.0.1:1", "127.0.0.2:1"));
  EXPECT_FALSE(reaches("10.0.0.1:1", "0.0.0.0:1"));
  EXPECT_FALSE(reaches("[::1]:1", "0.0.0.0:1"));
  EXPECT_FALSE(reaches("cache.example:1", "0.0.0.0:1"));
  EXPECT_FALSE(reaches("unix:/a", "unix:/b"));
  EXPECT_FALSE(reaches("unix:/a", "0.0.0.0:1"));
}

}  // namespace
}  // namespace ringproxy::conf
