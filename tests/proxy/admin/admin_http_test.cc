#include "proxy/admin/admin_http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "proxy/route/router.h"
#include "tests/proxy/admin/admin_fixture.h"

namespace ringproxy::proxy {
namespace {

using testing::HasSubstr;

class AdminTest : public AdminFixture {
 protected:
  AdminTest() : AdminFixture(TwoNodes()) {}
};

TEST_F(AdminTest, IsReadyOnceEachPoolHasAUsableNodeAndUntilItDrains) {
  EXPECT_EQ(admin_.Get("/readyz", {}).status, 503);
  Stats(1, 0).ready_connections.Add();
  EXPECT_EQ(admin_.Get("/readyz", {}).status, 503);  // The other worker has none.
  Stats(0, 0).ready_connections.Add();
  EXPECT_EQ(admin_.Get("/readyz", {}).status, 200);
  admin_.SetDraining();
  EXPECT_EQ(admin_.Get("/readyz", {}).status, 503);
  EXPECT_EQ(admin_.Get("/healthz", {}).status, 200);
}

TEST_F(AdminTest, LocatesAKeyWhereTheRouterSendsIt) {
  for (int i = 0; i < 50; ++i) {
    const std::string key = "{tag}" + std::to_string(i) + "\xff";
    const auto node = RouteKey(*snapshot_, snapshot_->listeners[0], key).node;
    const AdminReply reply = admin_.Get("/api/v1/locate", {{"pool", "main"}, {"key", key}});
    EXPECT_EQ(reply.status, 200);
    EXPECT_THAT(reply.body, HasSubstr("\"node\": \"r" + std::to_string(node) + "\""));
    EXPECT_THAT(reply.body, HasSubstr("\"hashed_part\": \"tag\""));
  }
}

TEST_F(AdminTest, SaysWhatIsWrongWithAQuestion) {
  EXPECT_EQ(admin_.Get("/api/v1/locate", {{"pool", "main"}}).status, 400);
  EXPECT_EQ(admin_.Get("/api/v1/locate", {{"pool", "x"}, {"key", "k"}}).status, 404);
  EXPECT_THAT(admin_.Get("/x", {}).body, HasSubstr("/metrics"));
}

}  // namespace
}  // namespace ringproxy::proxy
