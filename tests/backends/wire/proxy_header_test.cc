#include "backends/wire/proxy_header.h"

#include <gtest/gtest.h>

namespace ringproxy::wire {
namespace {

using namespace std::string_literals;

constexpr char kSign[] = "\r\n\r\n\0\r\nQUIT\n";

// Of version 2; `rest`: the addresses and what follows them.
std::string Binary(char command, char family, const std::string& rest) {
  std::string header(kSign, sizeof kSign - 1);
  header += command;
  header += family;
  header += static_cast<char>(rest.size() / 256);
  header += static_cast<char>(rest.size() % 256);
  return header + rest;
}

const std::string kFour = "\x0a\x01\x02\x03\xc0\xa8\x00\x01\xdc\x04\x01\xbb"s;
const std::string kSix =
    "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01"s + std::string(16, '\0') + "\x00\x50\x18\xec"s;

ProxyHeaderStatus StatusOf(const std::string& bytes) {
  ProxyHeader header;
  return ReadProxyHeader(bytes, &header);
}

// All of `header` and nothing less is a header; the client that it names.
std::string ClientOf(const std::string& header) {
  for (size_t cut = 0; cut < header.size(); ++cut) {
    EXPECT_EQ(StatusOf(header.substr(0, cut)), ProxyHeaderStatus::kNeedMore) << header << " cut at " << cut;
  }
  ProxyHeader alone;
  EXPECT_EQ(ReadProxyHeader(header, &alone), ProxyHeaderStatus::kWhole) << header;
  EXPECT_EQ(alone.size, header.size());
  for (const std::string& behind : {"*1\r\n"s, "\n"s, " "s, "\0"s, header}) {
    ProxyHeader followed;
    EXPECT_EQ(ReadProxyHeader(header + behind, &followed), ProxyHeaderStatus::kWhole) << header;
    EXPECT_EQ(followed.size, header.size());
    EXPECT_EQ(followed.client, alone.client);
  }
  return alone.client;
}

void ExpectBad(const std::string& bytes) {
  EXPECT_EQ(StatusOf(bytes), ProxyHeaderStatus::kBad) << bytes;
  EXPECT_EQ(StatusOf(bytes + "more\r\n"), ProxyHeaderStatus::kBad) << bytes;
}

TEST(ProxyHeader, TextNamesTheClientAsItsSocketWould) {
  EXPECT_EQ(ClientOf("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"), "192.168.0.1:56324");
  EXPECT_EQ(ClientOf("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255:65535");
  EXPECT_EQ(ClientOf("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"), "0.0.0.0:0");
  EXPECT_EQ(ClientOf("PROXY TCP6 2001:DB8:0:0::1 ::1 5000 6380\r\n"), "[2001:db8::1]:5000");
  EXPECT_EQ(ClientOf("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
                     "65535\r\n"),
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
  EXPECT_EQ(ClientOf("PROXY TCP6 ::ffff:10.0.0.1 ::1 1 2\r\n"), "[::ffff:10.0.0.1]:1");
}

TEST(ProxyHeader, AClientThatTheProxyDoesNotKnowHasNoName) {
  EXPECT_EQ(ClientOf("PROXY UNKNOWN\r\n"), "");
  EXPECT_EQ(ClientOf("PROXY UNKNOWN whatever 1 2\r\n"), "");
  EXPECT_EQ(ClientOf("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                     "65535 65535\r\n"),
            "")
      << "the longest";
  EXPECT_EQ(ClientOf(Binary('\x21', '\x00', "")), "");
  EXPECT_EQ(ClientOf(Binary('\x21', '\x00', "ignored")), "");
  EXPECT_EQ(ClientOf(Binary('\x21', '\x12', kFour)), "") << "a datagram's";
  EXPECT_EQ(ClientOf(Binary('\x21', '\x22', kSix)), "");
  EXPECT_EQ(ClientOf(Binary('\x21', '\x31', std::string(216, 'p'))), "") << "a Unix socket's";
  EXPECT_EQ(ClientOf(Binary('\x21', '\x32', std::string(216, 'p'))), "");
  EXPECT_EQ(ClientOf(Binary('\x21', '\x10', "")), "") << "no protocol";
}

TEST(ProxyHeader, WhatTheProxyAsksItselfIsItsOwn) {
  EXPECT_EQ(ClientOf(Binary('\x20', '\x00', "")), "");
  EXPECT_EQ(ClientOf(Binary('\x20', '\x11', kFour)), "");
  EXPECT_EQ(ClientOf(Binary('\x20', '\x77', "no family that there is")), "");
}

TEST(ProxyHeader, BinaryNamesTheClientAsItsSocketWould) {
  EXPECT_EQ(ClientOf(Binary('\x21', '\x11', kFour)), "10.1.2.3:56324");
  EXPECT_EQ(ClientOf(Binary('\x21', '\x21', kSix)), "[2001:db8::1]:80");
}

TEST(ProxyHeader, WhatFollowsTheAddressesIsSkipped) {
  EXPECT_EQ(ClientOf(Binary('\x21', '\x11', kFour + "\x04\x00\x03pad\x03\x00\x04\x01\x02\x03\x04"s)), "10.1.2.3:56324");
  EXPECT_EQ(ClientOf(Binary('\x21', '\x11', kFour + "\xff\xff")), "10.1.2.3:56324") << "nobody reads them";
  const size_t most = kMostProxyHeader - Binary('\x21', '\x11', "").size();
  EXPECT_EQ(ClientOf(Binary('\x21', '\x11', kFour + std::string(most - kFour.size(), 'x'))), "10.1.2.3:56324");
  ExpectBad(Binary('\x21', '\x11', kFour + std::string(most - kFour.size() + 1, 'x')));
  ExpectBad(Binary('\x20', '\x00', std::string(65535, 'x')).substr(0, 16));
}

TEST(ProxyHeader, TextIsTakenByTheLetter) {
  for (const char* line : {
           "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\n",
           "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\rX",
           "PROXY TCP4 10.0.0.1 10.0.0.2 1 2 \r\n",
           "PROXY  TCP4 10.0.0.1 10.0.0.2 1 2\r\n",
           "PROXY TCP4 10.0.0.1  10.0.0.2 1 2\r\n",
           "PROXY TCP4 10.0.0.1 10.0.0.2 1\r\n",
           "PROXY TCP4 10.0.0.1 10.0.0.2 1 2 3\r\n",
           "PROXY TCP4\r\n",
           "PROXY \r\n",
           "PROXY TCP4 10.0.0.01 10.0.0.2 1 2\r\n",
           "PROXY TCP4 10.0.0 10.0.0.2 1 2\r\n",
           "PROXY TCP4 10.0.0.1 10.0.0.256 1 2\r\n",
           "PROXY TCP4 ::1 ::1 1 2\r\n",
           "PROXY TCP6 10.0.0.1 10.0.0.2 1 2\r\n",
           "PROXY TCP6 ::1 10.0.0.2 1 2\r\n",
           "PROXY TCP6 [::1] ::1 1 2\r\n",
           "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
           "PROXY TCP4 10.0.0.1 10.0.0.2 01 2\r\n",
           "PROXY TCP4 10.0.0.1 10.0.0.2 65536 2\r\n",
           "PROXY TCP4 10.0.0.1 10.0.0.2 -1 2\r\n",
           "PROXY TCP4 10.0.0.1 10.0.0.2 1 +2\r\n",
           "PROXY TCP4 10.0.0.1 10.0.0.2 1 x\r\n",
           "PROXY UDP4 10.0.0.1 10.0.0.2 1 2\r\n",
           "PROXY unknown\r\n",
           "PROXY UNKNOWNX\r\n",
           "PROXY tcp4 10.0.0.1 10.0.0.2 1 2\r\n",
           "proxy TCP4 10.0.0.1 10.0.0.2 1 2\r\n",
       })
    ExpectBad(line);
  ExpectBad("PROXY TCP4 10.0.0.1\0 10.0.0.2 1 2\r\n"s);
  ExpectBad("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n");
  ExpectBad("PROXY UNKNOWN " + std::string(92, 'x'));  // No line end could come in time.
}

TEST(ProxyHeader, BinaryIsTakenByTheLetter) {
  for (const char command : {'\x00', '\x10', '\x22', '\x2f', '\x30', '\x31'}) ExpectBad(Binary(command, '\x11', kFour));
  for (const char family : {'\x13', '\x41', '\xf1', '\x0f'}) ExpectBad(Binary('\x21', family, kFour));
  ExpectBad(Binary('\x21', '\x11', kFour.substr(0, 11)));
  ExpectBad(Binary('\x21', '\x11', ""));
  ExpectBad(Binary('\x21', '\x21', kSix.substr(0, 35)));
}

TEST(ProxyHeader, WhatBeginsOtherwiseIsBadAtOnce) {
  for (const char* bytes :
       {"GET ", "PING\r\n", "*1\r\n", "set k", "PROXYTCP4", "PROXX", "\r\n\r\nX", "\n", "\x16\x03\x01"})
    ExpectBad(bytes);
  EXPECT_EQ(StatusOf(""), ProxyHeaderStatus::kNeedMore);
}

}  // namespace
}  // namespace ringproxy::wire
