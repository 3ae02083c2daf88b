#include "proxy/observe/info_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/test_request.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kReplication =
    "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"
    "master_replid:0000000000000000000000000000000000000000\r\nmaster_repl_offset:0\r\n";

class InfoTextTest : public testing::Test {
 protected:
  static InfoSections Asked(std::string_view line) {
    return InfoSections(wire::Request(test::TestRequest(test::TestRequest::Split(line))));
  }
  std::string Ask(std::string_view line) { return InfoText(facts_, report_, Asked(line)); }

  ProxyFacts facts_{.redis_version = {7, 0, 15}};
  FleetReport report_;
};

TEST_F(InfoTextTest, HasTheSectionsThatAreAskedFor) {
  EXPECT_EQ(Ask("info cluster"), "# Cluster\r\ncluster_enabled:0\r\n");
  EXPECT_EQ(Ask("info KEYSPACE cluster"), "# Cluster\r\ncluster_enabled:0\r\n\r\n# Keyspace\r\n");
  EXPECT_EQ(Ask("info replication"), kReplication);
  EXPECT_EQ(Ask("info nosuch"), "");
  report_.sections = {{"Commandstats", {{"cmdstat_get", "calls=1"}}}, {"search_version", {{"search_version", "2"}}}};
  const std::string usual = Ask("info");
  EXPECT_EQ(Ask("info default"), usual);
  EXPECT_EQ(Ask("info nosuch Default"), usual);
  EXPECT_THAT(usual, AllOf(StartsWith("# Server\r\nredis_version:7.0.15\r\n"), HasSubstr("\r\nloading:0\r\n"),
                           HasSubstr("\r\nrole:master\r\n"), HasSubstr("\r\n# Ringproxy\r\n"),
                           Not(HasSubstr("Commandstats")), Not(HasSubstr("search_version"))));
  EXPECT_THAT(Ask("info all"), AllOf(HasSubstr("\r\n# Commandstats\r\ncmdstat_get:calls=1\r\n"),
                                     HasSubstr("\r\n# Ringproxy\r\n"), Not(HasSubstr("search_version"))));
  EXPECT_THAT(Ask("info EVERYTHING"), HasSubstr("# search_version\r\nsearch_version:2\r\n"));
  EXPECT_EQ(Ask("info modules"), "# Modules\r\n\r\n# search_version\r\nsearch_version:2\r\n");
  EXPECT_EQ(Ask("info module_list"), "# Modules\r\n");
}

TEST_F(InfoTextTest, NeedsNoNodeForWhatTheProxySaysItself) {
  EXPECT_FALSE(Asked("info replication").needs_nodes());
  EXPECT_FALSE(Asked("info Ringproxy CLUSTER").needs_nodes());
  EXPECT_TRUE(Asked("info").needs_nodes());
  EXPECT_TRUE(Asked("info replication keyspace").needs_nodes());
  EXPECT_TRUE(Asked("info all").needs_nodes());
  EXPECT_TRUE(Asked("info").is_default());
  EXPECT_TRUE(Asked("info DEFAULT").is_default());
  EXPECT_TRUE(Asked("info keyspace STATS").is_default());
  EXPECT_FALSE(Asked("info keyspace latencystats").is_default());
  EXPECT_FALSE(Asked("info modules").is_default());
  EXPECT_FALSE(Asked("info all").is_default());
  EXPECT_FALSE(Asked("info commandstats").is_default());
}

TEST_F(InfoTextTest, SaysItselfWhatIsNotForNodesToSay) {
  facts_.process_id = 42;
  facts_.tcp_port = 6379;
  report_.sections = {
      {"Server", {{"redis_version", "9.9.9"}, {"redis_mode", "cluster"}, {"process_id", "1"}, {"os", "Linux"}}},
      {"Persistence", {{"loading", "1"}, {"aof_enabled", "0"}}},
      {"Replication", {{"role", "slave"}}},
      {"Cluster", {{"cluster_enabled", "1"}}}};
  EXPECT_THAT(Ask("info server"), AllOf(StartsWith("# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n"),
                                        HasSubstr("process_id:42\r\n"), EndsWith("tcp_port:6379\r\nos:Linux\r\n"),
                                        Not(HasSubstr("9.9.9")), Not(HasSubstr("cluster"))));
  EXPECT_EQ(Ask("info persistence"), "# Persistence\r\nloading:0\r\naof_enabled:0\r\n");
  EXPECT_EQ(Ask("info replication"), kReplication);
  EXPECT_EQ(Ask("info cluster"), "# Cluster\r\ncluster_enabled:0\r\n");
}

TEST_F(InfoTextTest, TellsTheLeastReleaseThatIsKnown) {
  const auto told = [&] { return Ask("info server").substr(0, Ask("info server").find("\r\nredis_mode")); };
  report_.sections = {{"Server", {{"redis_version", "7.0.9"}}}};
  EXPECT_EQ(told(), "# Server\r\nredis_version:7.0.9");
  facts_.redis_version = {6, 2, 0};
  EXPECT_EQ(told(), "# Server\r\nredis_version:6.2.0");
  report_ = {};
  EXPECT_EQ(told(), "# Server\r\nredis_version:6.2.0");
  facts_.redis_version = {};
  EXPECT_EQ(told(), "# Server\r\nredis_version:7.0.0");
}

TEST_F(InfoTextTest, TellsTheFactsOfTheProcessApart) {
  facts_.workers = 4;
  facts_.clients = 3;
  facts_.max_clients = 100;
  facts_.accepted_total = 11;
  facts_.requests_total = 22;
  facts_.errors_total = 33;
  facts_.bytes_in_total = 44;
  facts_.bytes_out_total = 55;
  facts_.resident_bytes = 1572864;
  facts_.cpu_user = 1'002'003us;
  facts_.cpu_system = 7us;
  facts_.uptime = 90000s;
  facts_.pools = {{"sessions", "vnode", {{"r1", "127.0.0.1:7001", true, 5, 1}, {"r2", "h:1", false, 0, 0}}}};
  EXPECT_EQ(Ask("info ringproxy"),
            "# Ringproxy\r\nringproxy_uptime_in_seconds:90000\r\nringproxy_workers:4\r\n"
            "ringproxy_connected_clients:3\r\nringproxy_maxclients:100\r\nringproxy_used_memory_rss:1572864\r\n"
            "ringproxy_total_connections_received:11\r\nringproxy_total_commands_processed:22\r\n"
            "ringproxy_total_net_input_bytes:44\r\nringproxy_total_net_output_bytes:55\r\n"
            "ringproxy_total_error_replies:33\r\nringproxy_used_cpu_sys:0.000007\r\n"
            "ringproxy_used_cpu_user:1.002003\r\npool0:name=sessions,algorithm=vnode,nodes=2,nodes_up=1\r\n"
            "node0:pool=sessions,name=r1,address=127.0.0.1:7001,up=1,requests=5,in_flight=1\r\n"
            "node1:pool=sessions,name=r2,address=h:1,up=0,requests=0,in_flight=0\r\n");
  report_.nodes = 2;
  report_.silent = {"r2"};
  report_.differing = {"os", "maxmemory_policy"};
  EXPECT_THAT(Ask("info ringproxy"), EndsWith("ringproxy_nodes:2\r\nringproxy_nodes_silent:r2\r\n"
                                              "ringproxy_nodes_differ:os maxmemory_policy\r\n"));
}

TEST_F(InfoTextTest, ClientsAreThoseOfTheProxy) {
  facts_.of_listener = {.connected = 3, .blocked = 2};
  report_.sections.push_back(
      {"Clients",
       {{"connected_clients", "7"}, {"maxclients", "90"}, {"blocked_clients", "5"}, {"tracking_clients", "1"}}});
  EXPECT_EQ(Ask("info clients"),
            "# Clients\r\nconnected_clients:3\r\nblocked_clients:2\r\ntracking_clients:0\r\nmaxclients:90\r\n");
}

}  // namespace
}  // namespace ringproxy::proxy
