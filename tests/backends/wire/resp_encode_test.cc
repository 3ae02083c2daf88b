#include "backends/wire/resp_encode.h"

#include <gtest/gtest.h>

#include <limits>

namespace ringproxy::wire {
namespace {

TEST(RespEncode, AppendsEachTypeAsRespWritesIt) {
  std::string out = "before";
  AppendArrayHeader(7, &out);
  AppendBulk("two\r\nlines", &out);
  AppendBulk("", &out);
  AppendInteger(-12, &out);
  AppendSimple("OK", &out);
  AppendError("ERR no", &out);
  AppendNilBulk(&out);
  AppendNilArray(&out);
  EXPECT_EQ(out, "before*7\r\n$10\r\ntwo\r\nlines\r\n$0\r\n\r\n:-12\r\n+OK\r\n-ERR no\r\n$-1\r\n*-1\r\n");
}

TEST(RespEncode, WritesTheWholeRangeOfIntegers) {
  std::string out;
  AppendInteger(std::numeric_limits<int64_t>::min(), &out);
  AppendInteger(std::numeric_limits<int64_t>::max(), &out);
  AppendArrayHeader(0, &out);
  EXPECT_EQ(out, ":-9223372036854775808\r\n:9223372036854775807\r\n*0\r\n");
}

TEST(RespEncode, LetsNoLineEndIntoALine) {
  std::string out;
  AppendSimple("a\rb\nc", &out);
  AppendError("ERR '\r\n+OK\r\n'", &out);
  EXPECT_EQ(out, "+a b c\r\n-ERR '  +OK  '\r\n");
}

}  // namespace
}  // namespace ringproxy::wire
