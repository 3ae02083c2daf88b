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

TEST(RespEncode, AppendsWhatBothVersionsWriteInTheirOwnWay) {
  const auto all = [](uint8_t protocol) {
    std::string out;
    AppendNil(protocol, &out);
    AppendMapHeader(2, protocol, &out);
    AppendSetHeader(3, protocol, &out);
    AppendText("a\r\nb", protocol, &out);
    return out;
  };
  EXPECT_EQ(all(2), "$-1\r\n*4\r\n*3\r\n$4\r\na\r\nb\r\n");
  EXPECT_EQ(all(3), "_\r\n%2\r\n~3\r\n=8\r\ntxt:a\r\nb\r\n");
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
