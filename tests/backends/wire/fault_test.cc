#include "backends/wire/fault.h"

#include <gtest/gtest.h>

#include <string>

namespace ringproxy::wire {
namespace {

TEST(Fault, KnowsTheRedisErrorsThatSpeakOfTheNode) {
  for (const char* word : {"LOADING", "MASTERDOWN", "CLUSTERDOWN"}) {
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

TEST(Fault, DoesNotBlameTheNodeForWhatOnlySomeRequestsRead) {
  for (const char* reply :
       {"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
        "-READONLY You can't write against a read only replica.\r\n", "-MISCONF Redis is configured to save RDB\r\n",
        "-NOREPLICAS Not enough good replicas to write.\r\n",
        "-TRYAGAIN Multiple keys request during rehashing of slot\r\n", "-CLUSTERDOWN Hash slot not served\r\n",
        "-CLUSTERDOWN The cluster is down and only accepts read commands\r\n",
        "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n"}) {
    EXPECT_EQ(RedisFault(reply), Fault::kNone) << reply;
  }
  EXPECT_EQ(RedisFault("-CLUSTERDOWN The cluster is down\r\n"), Fault::kHard);
}

TEST(Fault, KnowsAPongAlsoInTheWordsOfANodeThatRefusesSomething) {
  for (const char* reply : {"+PONG\r\n", "-MISCONF x\r\n", "-READONLY x\r\n", "-OOM x\r\n", "-NOREPLICAS x\r\n",
                            "-BUSY x\r\n", "-NOPERM this user has no permissions to run the 'ping' command\r\n"}) {
    EXPECT_TRUE(IsAliveToPing(reply)) << reply;
  }
  for (const char* reply : {"-LOADING x\r\n", "-MASTERDOWN x\r\n", "-NOAUTH x\r\n", "-ERR x\r\n", "$4\r\nPONG\r\n",
                            "-NOPERMX x\r\n", "-\r\n"}) {
    EXPECT_FALSE(IsAliveToPing(reply)) << reply;
  }
}

TEST(Fault, TakesNoValueForAnError) {
  for (const char* reply : {"+LOADING\r\n", "$7\r\nLOADING\r\n", "$8\r\n-LOADING\r\n", "*1\r\n-LOADING x\r\n", ":1\r\n",
                            "$-1\r\n", "*-1\r\n"}) {
    EXPECT_EQ(RedisFault(reply), Fault::kNone) << reply;
  }
}

TEST(Fault, TakesMemcachedsServerErrorsSoftlyAndItsOtherErrorsNotAtAll) {
  for (const char* reply : {"SERVER_ERROR temporary failure\r\n", "SERVER_ERROR out of memory writing get response\r\n",
                            "SERVER_ERROR out of memory reading request\r\n",
                            "SERVER_ERROR Out of memory preparing to send stats\r\n", "SERVER_ERROR \r\n"}) {
    EXPECT_EQ(MemcacheFault(reply), Fault::kSoft) << reply;
  }
  for (const char* reply :
       {"SERVER_ERROR object too large for cache\r\n", "ERROR\r\n", "CLIENT_ERROR bad data chunk\r\n", "STORED\r\n",
        "END\r\n", "VALUE k 0 12\r\nSERVER_ERROR\r\nEND\r\n", "NOT_STORED\r\n", "HD\r\n"}) {
    EXPECT_EQ(MemcacheFault(reply), Fault::kNone) << reply;
  }
}

TEST(Fault, DoesNotBlameAMemcachedForHavingNoRoom) {
  for (const char* reply :
       {"SERVER_ERROR out of memory storing object\r\n", "SERVER_ERROR out of memory\r\n",
        "SERVER_ERROR Out of memory allocating item\r\n", "SERVER_ERROR Out of memory allocating new item\r\n",
        "SERVER_ERROR Out of memory incrementing value\r\n", "SERVER_ERROR Out of memory during read\r\n"}) {
    EXPECT_EQ(MemcacheFault(reply), Fault::kNone) << reply;
  }
}

}  // namespace
}  // namespace ringproxy::wire
