#include "proxy/admin/admin_origin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringproxy::proxy {
namespace {

using testing::HasSubstr;

conf::Admin BehindAProxy() {
  conf::Admin admin;
  admin.listen.host = "Admin.internal";
  admin.allowed_hosts = {"ops.example.com", "Ringproxy.Web"};
  return admin;
}

TEST(WhyForeignOrigin, KnowsThePortsOwnPageAndWhatIsNoBrowser) {
  const conf::Admin admin = BehindAProxy();
  for (const AskedFrom& from : {AskedFrom{.host = "127.0.0.1:9180"},
                                {"127.0.0.1:9180", "http://127.0.0.1:9180", "same-origin"},
                                {"127.0.0.1:9180", std::nullopt, "none"},
                                {"LOCALHOST:9180", "http://localhost:9180", std::nullopt},
                                {"[::1]:9180", "https://[::1]:9180", std::nullopt},
                                {"10.0.0.7:9180", "https://ops.example.com", "same-origin"}}) {
    EXPECT_EQ(WhyForeignOrigin(admin, from), "") << from.origin.value_or("none");
  }
}

TEST(WhyForeignOrigin, NamesThePageOfAnotherSite) {
  const conf::Admin admin = BehindAProxy();
  for (const char* origin : {"null", "", "http://evil.example", "http://127.0.0.1", "http://127.0.0.1:9181",
                             "ftp://127.0.0.1:9180", "127.0.0.1:9180", "http://127.0.0.1:9180.evil.example",
                             "http://ops.example.com:81", "http://xops.example.com", "https://ops.example.com/"}) {
    EXPECT_THAT(WhyForeignOrigin(admin, {"127.0.0.1:9180", origin, std::nullopt}), HasSubstr("another site")) << origin;
  }
  for (const char* site : {"cross-site", "same-site", "x"}) {
    EXPECT_THAT(WhyForeignOrigin(admin, {"127.0.0.1:9180", std::nullopt, site}), HasSubstr(site));
  }
}

TEST(WhyForeignHost, LetsAddressesLocalhostAndConfiguredNamesAsk) {
  for (const char* host :
       {"127.0.0.1:9180", "10.1.2.3", "[::1]:9180", "[fd00::2]", "localhost", "LocalHost:9180", "localhost.:9180",
        "admin.internal:9180", "ops.example.com", "OPS.example.com:443", "ringproxy.web:9180"}) {
    EXPECT_EQ(WhyForeignHost(BehindAProxy(), {.host = host}), "") << host;
  }
  EXPECT_EQ(WhyForeignHost(BehindAProxy(), {}), "") << "HTTP 1.0 needs none, and no browser leaves it out";
}

// A page of theirs, at the name of theirs, which they let resolve to this machine.
TEST(WhyForeignHost, RefusesNamesThatAnybodyMayHave) {
  for (const char* host : {"evil.example:9180", "", ":9180", "localhost.evil.example", "127.0.0.1.evil.example",
                           "127.1", "2130706433", "[::1", "x.ops.example.com", "10.0.0.1@evil.example"}) {
    EXPECT_THAT(WhyForeignHost(BehindAProxy(), {.host = host}), HasSubstr("admin.allowed_hosts")) << host;
  }
}

}  // namespace
}  // namespace ringproxy::proxy
