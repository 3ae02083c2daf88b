#include "tests/proxy/local/local_fixture.h"

namespace ringproxy::proxy {
namespace {

class InfoCommand : public LocalFixture {};

TEST_F(InfoCommand, InfoHasTheSectionsThatAreAskedFor) {
  EXPECT_EQ(Ask("info cluster"), "$30\r\n# Cluster\r\ncluster_enabled:0\r\n\r\n");
  EXPECT_EQ(Ask("info KEYSPACE cluster"), "$44\r\n# Cluster\r\ncluster_enabled:0\r\n\r\n# Keyspace\r\n\r\n");
  EXPECT_EQ(Ask("info nosuch"), "$0\r\n\r\n");
  const std::string all = Ask("info");
  EXPECT_EQ(Ask("info all"), all);
  EXPECT_EQ(Ask("info nosuch Everything"), all);
  EXPECT_THAT(all, AllOf(HasSubstr("# Server\r\nredis_version:7.0.0\r\n"), HasSubstr("\r\nloading:0\r\n"),
                         HasSubstr("\r\nrole:master\r\n"), HasSubstr("\r\n# Ringproxy\r\n")));
}

TEST_F(InfoCommand, InfoTellsTheFactsOfTheProcess) {
  view_.facts.clients = 3;
  view_.facts.resident_bytes = (3ULL << 20) / 2;
  view_.facts.cpu_user = 1'002'003us;
  view_.facts.uptime = 90000s;
  view_.facts.pools = {{"sessions", "vnode", {{"r1", "127.0.0.1:7001", true, 5, 1}, {"r2", "h:1", false, 0, 0}}}};
  EXPECT_THAT(Ask("info clients"), HasSubstr("connected_clients:3\r\n"));
  EXPECT_THAT(Ask("info memory"),
              AllOf(HasSubstr("used_memory:1572864\r\n"), HasSubstr("used_memory_human:1.50M\r\n")));
  EXPECT_THAT(Ask("info cpu"), HasSubstr("used_cpu_user:1.002003\r\n"));
  EXPECT_THAT(Ask("info server"), AllOf(HasSubstr("uptime_in_seconds:90000\r\n"), HasSubstr("uptime_in_days:1\r\n")));
  EXPECT_THAT(Ask("info ringproxy"),
              EndsWith("# Ringproxy\r\npool0:name=sessions,algorithm=vnode,nodes=2,nodes_up=1\r\n"
                       "node0:pool=sessions,name=r1,address=127.0.0.1:7001,up=1,requests=5,in_flight=1\r\n"
                       "node1:pool=sessions,name=r2,address=h:1,up=0,requests=0,in_flight=0\r\n\r\n"));
}

TEST_F(InfoCommand, TellsWhatTheProcessHasCounted) {
  view_.facts.process_id = 42;
  view_.facts.tcp_port = 6379;
  view_.facts.workers = 4;
  view_.facts.max_clients = 100;
  view_.facts.accepted_total = 11;
  view_.facts.requests_total = 22;
  view_.facts.errors_total = 33;
  view_.facts.bytes_in_total = 44;
  view_.facts.bytes_out_total = 55;
  EXPECT_THAT(Ask("info server"), AllOf(HasSubstr("process_id:42\r\n"), HasSubstr("tcp_port:6379\r\n"),
                                        HasSubstr("io_threads_active:4\r\n")));
  EXPECT_THAT(Ask("info clients"), HasSubstr("maxclients:100\r\n"));
  EXPECT_EQ(Ask("info stats"),
            "$146\r\n# Stats\r\ntotal_connections_received:11\r\ntotal_commands_processed:22\r\n"
            "total_net_input_bytes:44\r\ntotal_net_output_bytes:55\r\ntotal_error_replies:33\r\n\r\n");
}

TEST_F(InfoCommand, TellsBytesInTheLargestUnitThatLeavesSomething) {
  const std::pair<uint64_t, std::string_view> kSizes[] = {
      {0, "0.00B"},          {1023, "1023.00B"},          {1024, "1.00K"}, {(1 << 20) - 1, "1023.99K"},
      {5ULL << 30, "5.00G"}, {4096ULL << 30, "4096.00G"},
  };
  for (const auto& [bytes, text] : kSizes) {
    view_.facts.resident_bytes = bytes;
    EXPECT_THAT(Ask("info memory"), HasSubstr("used_memory_human:" + std::string(text) + "\r\n"));
  }
}

TEST_F(InfoCommand, PadsTheMicrosecondsOfItsTimes) {
  view_.facts.cpu_system = 7us;
  view_.facts.cpu_user = 61s;
  EXPECT_THAT(Ask("info cpu"), AllOf(HasSubstr("used_cpu_sys:0.000007\r\n"), HasSubstr("used_cpu_user:61.000000\r\n")));
}

}  // namespace
}  // namespace ringproxy::proxy
