#include "backends/handshake.h"

#include <gtest/gtest.h>

namespace ringproxy::backends {
namespace {

TEST(Handshake, PingsAndAuthenticatesFirstWhenThereIsAPassword) {
  std::string out;
  EXPECT_EQ(AppendHandshake({}, &out), 1U);
  EXPECT_EQ(out, "*1\r\n$4\r\nPING\r\n");
  out.clear();
  EXPECT_EQ(AppendHandshake({.username = "", .password_file = "f", .password = "p"}, &out), 2U);
  EXPECT_EQ(out, "*2\r\n$4\r\nAUTH\r\n$1\r\np\r\n*1\r\n$4\r\nPING\r\n");
}

TEST(Handshake, GoesOnAfterASimpleStringAndTellsTheWordsOfEverythingElse) {
  EXPECT_EQ(HandshakeRefusal("+OK\r\n"), "");
  EXPECT_EQ(HandshakeRefusal("+PONG\r\n"), "");
  EXPECT_EQ(HandshakeRefusal("-LOADING Redis is loading\r\n"), "LOADING Redis is loading");
  EXPECT_EQ(HandshakeRefusal("$2\r\nhi\r\n"), "unexpected reply");
}

}  // namespace
}  // namespace ringproxy::backends
