#include "conf/cidr.h"

#include <gtest/gtest.h>

namespace ringproxy::conf {
namespace {

IpAddress Ip(std::string_view text) {
  const std::optional<IpAddress> address = ParseIp(text);
  EXPECT_TRUE(address.has_value()) << text;
  return address.value_or(IpAddress{});
}

Cidr Net(std::string_view text) {
  const Result<Cidr, Problem> cidr = ParseCidr(text);
  EXPECT_TRUE(cidr.ok()) << text;
  return cidr.ok() ? *cidr : Cidr{};
}

TEST(ParseIp, ReadsBothFamiliesAndWritesThemBack) {
  for (const char* text : {"0.0.0.0", "10.1.2.3", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1:2:3:4"}) {
    EXPECT_EQ(ToString(Ip(text)), text);
  }
  EXPECT_EQ(ToString(Ip("2001:DB8:0::1")), "2001:db8::1");
}

TEST(ParseIp, TakesIpv4AndItsMappedFormForTheSameAddress) {
  EXPECT_EQ(Ip("10.1.2.3"), Ip("::ffff:10.1.2.3"));
  EXPECT_TRUE(Ip("10.1.2.3").is_v4());
  EXPECT_FALSE(Ip("::1").is_v4());
}

TEST(ParseIp, RefusesWhatIsMoreOrLessThanAnAddress) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {""sv, "10.1.2"sv, "10.1.2.256"sv, "10.1.2.3:80"sv, "[::1]"sv, "fe80::1%eth0"sv,
                                      "localhost"sv, " ::1"sv, "1.2.3.4\0"sv, "10.0.0.0/8"sv, "1:2:3:4:5:6:7:8:9"sv}) {
    EXPECT_FALSE(ParseIp(text).has_value()) << text;
  }
}

TEST(Cidr, ContainsTheAddressesThatShareItsBits) {
  EXPECT_TRUE(Net("10.0.0.0/8").Contains(Ip("10.255.255.255")));
  EXPECT_FALSE(Net("10.0.0.0/8").Contains(Ip("11.0.0.0")));
  EXPECT_FALSE(Net("10.0.0.0/8").Contains(Ip("9.255.255.255")));
  EXPECT_TRUE(Net("10.1.2.4/30").Contains(Ip("10.1.2.7")));
  EXPECT_FALSE(Net("10.1.2.4/30").Contains(Ip("10.1.2.8")));
  EXPECT_TRUE(Net("10.1.2.3").Contains(Ip("::ffff:10.1.2.3")));
  EXPECT_FALSE(Net("10.1.2.3").Contains(Ip("10.1.2.2")));
  EXPECT_TRUE(Net("2001:db8::/33").Contains(Ip("2001:db8:7fff::")));
  EXPECT_FALSE(Net("2001:db8::/33").Contains(Ip("2001:db8:8000::")));
}

TEST(Cidr, OfNoBitsContainsAllAddressesOfItsFamilyOrOfBoth) {
  EXPECT_TRUE(Net("0.0.0.0/0").Contains(Ip("255.1.2.3")));
  EXPECT_FALSE(Net("0.0.0.0/0").Contains(Ip("::1")));
  EXPECT_TRUE(Net("::/0").Contains(Ip("ffff::")));
  EXPECT_TRUE(Net("::/0").Contains(Ip("10.1.2.3")));
}

// Each mask against the same question asked bit by bit.
TEST(Cidr, AgreesWithACountOfEqualBitsForEveryMask) {
  const IpAddress base = Ip("2001:db8:a5a5:5a5a:ff00:ff:1234:8001");
  for (uint8_t bits = 0; bits <= 128; ++bits) {
    for (int flipped = 0; flipped < 128; ++flipped) {
      IpAddress other = base;
      other.bytes[flipped / 8] ^= static_cast<uint8_t>(0x80 >> (flipped % 8));
      EXPECT_EQ((Cidr{base, bits}.Contains(other)), flipped >= bits) << int{bits} << " " << flipped;
    }
  }
}

TEST(Cidr, IsMadeOfEachWordOfAList) {
  EXPECT_EQ(CidrsOf({"10.0.0.0/8", "::1"}), (std::vector<Cidr>{Net("10.0.0.0/8"), Net("::1")}));
  EXPECT_TRUE(CidrsOf({}).empty());
}

TEST(ParseCidr, SaysWhatIsWrong) {
  EXPECT_EQ(ParseCidr("10.1.2.3/8").errors().text,
            "10.1.2.3/8 has bits set beyond its mask; the network is 10.0.0.0/8");
  EXPECT_EQ(ParseCidr("2001:db8::1/32").errors().text,
            "2001:db8::1/32 has bits set beyond its mask; the network is 2001:db8::/32");
  EXPECT_EQ(ParseCidr("10.0.0.0/33").errors().text, "10.0.0.0/33 has a mask of 33 bits, the most is 32");
  EXPECT_EQ(ParseCidr("::/129").errors().text, "::/129 has a mask of 129 bits, the most is 128");
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0/8", "10.*", "all"}) {
    EXPECT_NE(ParseCidr(text).errors().text.find("is no IP address or network"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace ringproxy::conf
