#include <gtest/gtest.h>

#include "backends/link/health_check.h"
#include "tests/backends/link/health_check_fixture.h"

namespace ringproxy::backends {
namespace {

TEST_F(HealthCheckTest, TellsANodeWithoutRoomForAnotherConnectionFromASickOne) {
  Make();
  Check();
  Node().observer->OnConnected(0);
  Node().Receive("-ERR max number of clients reached\r\n");
  EXPECT_EQ(Take(), "full: ERR max number of clients reached");
  Make(conf::Protocol::kMemcached);
  Check();
  Node().observer->OnConnected(0);
  Node().Receive("ERROR Too many open connections\r\n");
  EXPECT_EQ(Take(), "full: ERROR Too many open connections");
}

}  // namespace
}  // namespace ringproxy::backends
