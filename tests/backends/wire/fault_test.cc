#include "backends/wire/fault.h"

#include <gtest/gtest.h>

#include <string>

namespace ringproxy::wire {
namespace {

TEST(Fault, KnowsTheRedisErrorsThatSpeakOfTheNode) {
  for (const char* word :
       {"LOADING", "MASTERDOWN", "CLUSTERDOWN", "BUSY", "READONLY", "OOM", "MISCONF", "TRYAGAIN", "NOREPLICAS"}) {
    EXPECT_EQ(RedisFault("-" + std::string(word) + " in the node's own words\r\n"), Fault::kHard) << word;
    EXPECT_EQ(RedisFault("-" + std::string(word) + "\r\n"), Fault::kHard) << word;
    // Another word that only begins so, or stands elsewhere.
    EXPECT_EQ(RedisFault("-" + std::string(word) + "KEY x\r\n"), Fault::kNone) << word;
    EXPECT_EQ(RedisFault("-ERR " + std::string(word) + " x\r\n"), Fault::kNone) << word;
  }
}

TEST(Fault, DoesNotBlameTheNodeForARequest) {
  for (const char* reply : {"-WRONGTYPE Operation against a key\r\n", "-ERR syntax error\r\n",
                            "-NOSCRIPT No matching script\r\n", "-MOVED 1 10.0.0.1:1\r\n", "-ASK 1 10.0.0.1:1\r\n",
                            "-EXECABORT x\r\n", "-NOAUTH x\r\n", "-CROSSSLOT x\r\n", "-\r\n", "-loading x\r\n"}) {
    EXPECT_EQ(RedisFault(reply), Fault::kNone) << reply;
  }
}

TEST(Fault, TakesNoValueForAnError) {
  for (const char* reply : {"+LOADING\r\n", "$7\r\nLOADING\r\n", "$8\r\n-LOADING\r\n", "*1\r\n-LOADING x\r\n", ":1\r\n",
                            "$-1\r\n", "*-1\r\n"}) {
    EXPECT_EQ(RedisFault(reply), Fault::kNone) << reply;
  }
}

TEST(Fault, TakesMemcachedsServerErrorsSoftlyAndItsOtherErrorsNotAtAll) {
  EXPECT_EQ(MemcacheFault("SERVER_ERROR out of memory storing object\r\n"), Fault::kSoft);
  EXPECT_EQ(MemcacheFault("SERVER_ERROR temporary failure\r\n"), Fault::kSoft);
  for (const char* reply :
       {"SERVER_ERROR object too large for cache\r\n", "ERROR\r\n", "CLIENT_ERROR bad data chunk\r\n", "STORED\r\n",
        "END\r\n", "VALUE k 0 12\r\nSERVER_ERROR\r\nEND\r\n", "NOT_STORED\r\n", "HD\r\n"}) {
    EXPECT_EQ(MemcacheFault(reply), Fault::kNone) << reply;
  }
}

}  // namespace
}  // namespace ringproxy::wire
