#include "backends/reply.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/fake_loop.h"

namespace ringproxy::backends {
namespace {

TEST(Reply, CopiesAViewToKeepItAndHandsABlockOn) {
  net::BlockPool pool;
  std::string bytes = "+OK\r\n";
  const net::Block copy = Reply(bytes).Keep(pool);
  bytes = "other";
  EXPECT_EQ(copy.bytes(), "+OK\r\n");
  net::Block block = pool.Copy("$1\r\na\r\n");
  const char* const data = block.bytes().data();
  Reply owner(std::move(block));
  EXPECT_EQ(owner.size(), 7U);
  EXPECT_EQ(owner.Keep(pool).bytes().data(), data);
}

TEST(Reply, MovesALargeBlockIntoTheOutputAndCopiesASmallOne) {
  net::BlockPool pool;
  {
    net::SendQueue output(pool);
    Reply(pool.Copy("small")).AppendTo(output);
    Reply(std::string_view("er")).AppendTo(output);
    Reply(std::string_view("")).AppendTo(output);
    EXPECT_EQ(output.size(), 7U);
    EXPECT_EQ(pool.blocks_in_use(), 1U);
    const std::string large(net::kLargeFrame, 'x');
    Reply(pool.Copy(large)).AppendTo(output);
    EXPECT_EQ(output.size(), 7 + large.size());
    EXPECT_EQ(pool.blocks_in_use(), 2U);
  }
  EXPECT_EQ(pool.blocks_in_use(), 0U);
}

}  // namespace
}  // namespace ringproxy::backends
