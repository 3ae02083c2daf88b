#include "backends/link/item_size_question.h"

#include <gtest/gtest.h>

namespace ringproxy::backends {
namespace {

uint64_t Answered(std::string_view reply) {
  ItemSizeQuestion question;
  std::string out;
  question.Start(&out);
  EXPECT_EQ(out, "stats settings\r\n");
  EXPECT_EQ(question.OnReply(reply, &out), Handshake::HandshakeStep::kDone);
  return question.item_size_max();
}

TEST(ItemSizeQuestion, FindsTheLineThatSaysIt) {
  EXPECT_EQ(Answered("STAT maxbytes 67108864\r\nSTAT item_size_max 1048576\r\nSTAT maxconns 1024\r\nEND\r\n"),
            1048576U);
}

TEST(ItemSizeQuestion, KnowsNothingWhereTheServerDoesNotSayIt) {
  for (const char* reply :
       {"END\r\n", "ERROR\r\n", "STAT item_size_max x\r\nEND\r\n", "STAT item_size_max -1\r\nEND\r\n"}) {
    EXPECT_EQ(Answered(reply), 0U) << reply;
  }
}

}  // namespace
}  // namespace ringproxy::backends
