#include "tests/proxy/local/local_fixture.h"

namespace ringproxy::proxy {
namespace {

class ClientTracking : public LocalFixture {};

TEST_F(ClientTracking, IsOffAndStaysOff) {
  for (const std::string_view line : {"client tracking off", "client tracking OFF bcast prefix a noloop"})
    EXPECT_EQ(Ask(line), "+OK\r\n") << line;
  for (const std::string_view line :
       {"client tracking on", "client tracking ON optin", "client tracking on redirect 5"}) {
    EXPECT_THAT(Ask(line), StartsWith("-ERR 'client|tracking' is not supported by ringproxy: ")) << line;
    EXPECT_EQ(outcome_, LocalOutcome::kRefused) << line;
  }
  // As a redis-server 7.0.15 says it.
  for (const std::string_view line : {"client tracking foo", "client tracking on foo", "client tracking off prefix"})
    EXPECT_EQ(Ask(line), "-ERR syntax error\r\n") << line;
  EXPECT_EQ(Ask("client getredir"), ":-1\r\n");
}

// Both were read off a redis-server 7.0.15.
TEST_F(ClientTracking, TellsSoInBothVersionsOfTheProtocol) {
  const std::string rest = "$3\r\noff\r\n$8\r\nredirect\r\n:-1\r\n$8\r\nprefixes\r\n*0\r\n";
  EXPECT_EQ(Ask("client trackinginfo"), "*6\r\n$5\r\nflags\r\n*1\r\n" + rest);
  client_.flavour.protocol = 3;
  EXPECT_EQ(Ask("client trackinginfo"), "%3\r\n$5\r\nflags\r\n~1\r\n" + rest);
}

TEST_F(ClientTracking, TakesWhatLibrariesSayWhenTheyConnect) {
  for (const std::string_view line : {"client maint_notifications on", "client maint_notifications OFF",
                                      "CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type external-ip",
                                      "client maint_notifications on MOVING-ENDPOINT-TYPE internal-fqdn",
                                      "client capa redirect", "client capa redirect other"})
    EXPECT_EQ(Ask(line), "+OK\r\n") << line;
  for (const std::string_view line :
       {"client maint_notifications maybe", "client maint_notifications on moving-endpoint-type",
        "client maint_notifications on moving-endpoint-type nowhere", "client maint_notifications off x y"})
    EXPECT_EQ(Ask(line), "-ERR syntax error\r\n") << line;
}

TEST_F(ClientTracking, RemembersWhetherTheClientWantsToKnowOfTheEnd) {
  const std::pair<std::string_view, MovingNews> kWords[] = {
      {"client maint_notifications on", MovingNews::kWithEndpoint},
      {"client maint_notifications off", MovingNews::kUnwanted},
      {"client maint_notifications ON moving-endpoint-type external-ip", MovingNews::kWithEndpoint},
      {"client maint_notifications on MOVING-endpoint-type NONE", MovingNews::kBare},
      {"client maint_notifications off x y", MovingNews::kBare},
      {"client maint_notifications on moving-endpoint-type internal-fqdn", MovingNews::kWithEndpoint},
      {"reset", MovingNews::kUnwanted},
  };
  for (const auto& [line, news] : kWords) {
    Ask(line);
    EXPECT_EQ(client_.moving_news, news) << line;
  }
}

TEST_F(ClientTracking, RemembersWhetherTheClientHasLeftItsDatabaseSinceItAsked) {
  listener_.proved_databases = 4;
  const std::pair<std::string_view, bool> kWords[] = {
      {"select 2", true}, {"client maint_notifications on", false}, {"select 2", false}, {"select 3", true},
      {"select 2", true},
  };
  for (const auto& [line, has_left] : kWords) {
    Ask(line);
    EXPECT_EQ(client_.has_left_database, has_left) << line;
  }
}

}  // namespace
}  // namespace ringproxy::proxy
