#include "proxy/local/client_facts.h"

#include <gmock/gmock.h>

#include "backends/wire/command.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class SocketOfNobody final : public net::Stream {
 public:
  void SetObserver(net::StreamObserver&) override {}
  net::IoResult Read(char*, size_t) override { return {}; }
  net::IoResult Write(std::span<const iovec>) override { return {}; }
  void EndWrites() override {}
  void WatchReads(bool) override {}
  void WatchWrites(bool) override {}
  int descriptor() const override { return 9; }
  std::string local_address() const override { return "127.0.0.1:6380"; }
};

class ClientFactsTest : public testing::Test {
 protected:
  ClientFactsTest() {
    client_.connected_at = net::TimePoint(940s);
    client_.last_active = net::TimePoint(995s);
  }
  std::string Line() const {
    std::string line = "before ";
    AppendClientLine(facts_, net::TimePoint(1000s), &line);
    return line.substr(7);
  }

  ClientState client_ = NewClient(7, "127.0.0.1:50412");
  SocketOfNobody socket_;
  ClientFacts facts_{.client = client_, .listener = 0, .stream = socket_};
};

TEST_F(ClientFactsTest, ALineHasTheFieldsOfRedisInItsOrder) {
  client_.labels = std::make_unique<ClientLabels>();
  client_.labels->name = "me";
  client_.labels->lib_name = "redis-py";
  client_.labels->lib_version = "5.0";
  client_.flavour = {.database = 12, .protocol = 3};
  client_.last_command = wire::FindRedisCommand("client|list")->index;
  facts_.subscriptions = {1, 2, 3};
  facts_.request_bytes = 10;
  facts_.request_memory = 100;
  facts_.reply_bytes = 20;
  EXPECT_EQ(Line(),
            "id=7 addr=127.0.0.1:50412 laddr=127.0.0.1:6380 fd=9 name=me age=60 idle=5 flags=P db=12 sub=1 psub=2 "
            "ssub=3 multi=-1 qbuf=10 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=20 tot-mem=120 "
            "events=rw cmd=client|list user=default redir=-1 resp=3 lib-name=redis-py lib-ver=5.0\n");
}

TEST_F(ClientFactsTest, WhoHasSaidNothingHasEmptyFieldsAndNoCommand) {
  const std::string line = Line();
  EXPECT_THAT(line, HasSubstr(" name= age=60 idle=5 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 "));
  EXPECT_THAT(line, HasSubstr(" events=r cmd=NULL user=default redir=-1 resp=2 lib-name= lib-ver=\n"));
}

TEST_F(ClientFactsTest, FlagsTellWhatTheClientIsDoing) {
  client_.transaction = std::make_unique<Transaction>();
  facts_.waits = facts_.is_leaving = true;
  client_.no_evict = client_.no_touch = true;
  EXPECT_THAT(Line(), HasSubstr(" flags=xbceT "));
  client_.refused.NoteMonitors();
  EXPECT_THAT(Line(), HasSubstr(" flags=OxbceT "));
  EXPECT_THAT(Line(), HasSubstr(" multi=0 "));
}

TEST_F(ClientFactsTest, AUnixSocketIsTold) {
  const ClientState other = NewClient(8, "/run/proxy.sock:0");
  std::string line;
  AppendClientLine({.client = other, .listener = 0, .stream = socket_}, net::TimePoint(1000s), &line);
  EXPECT_THAT(line, HasSubstr("addr=/run/proxy.sock:0 "));
  EXPECT_THAT(line, HasSubstr(" flags=U "));
}

}  // namespace
}  // namespace ringproxy::proxy
