#include "backends/net/connect_error.h"

#include <gtest/gtest.h>
#include <netdb.h>

#include <cerrno>

namespace ringproxy::net {
namespace {

TEST(ConnectError, IsSaidInTheWordsOfWhoeverHasFailed) {
  const Endpoint endpoint{"redis-1.exampel", 6379, ""};
  EXPECT_EQ(ConnectErrorText(endpoint, ECONNREFUSED), "Connection refused");
  EXPECT_EQ(ConnectErrorText(endpoint, EAI_NONAME), "cannot resolve redis-1.exampel: Name or service not known");
  EXPECT_EQ(ConnectErrorText(endpoint, EAI_AGAIN),
            "cannot resolve redis-1.exampel: Temporary failure in name resolution");
  EXPECT_EQ(UnresolvedText(endpoint), "cannot resolve redis-1.exampel: no answer yet");
}

TEST(ConnectError, TellsShortagesAndMissingWaysFromRefusals) {
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) EXPECT_TRUE(IsShortage(error)) << error;
  for (const int error : {EADDRNOTAVAIL, EAFNOSUPPORT, ENETUNREACH}) EXPECT_TRUE(HasNoWay(error)) << error;
  for (const int error : {0, ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, EAI_NONAME, EAI_AGAIN}) {
    EXPECT_FALSE(IsShortage(error) || HasNoWay(error)) << error;
  }
}

}  // namespace
}  // namespace ringproxy::net
