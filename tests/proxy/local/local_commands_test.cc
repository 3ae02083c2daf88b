#include "proxy/local/local_commands.h"

#include "tests/proxy/local/local_fixture.h"

namespace ringproxy::proxy {
namespace {

class LocalCommands : public LocalFixture {};

// All lines were read off a redis-server 7.0.15 without users and without a cluster.
TEST_F(LocalCommands, AnswersWhatLosesNothingInTheWordsOfRedis) {
  const std::pair<std::string_view, std::string_view> kWords[] = {
      {"acl whoami", "$7\r\ndefault\r\n"},
      {"module list", "*0\r\n"},
  };
  for (const auto& [line, reply] : kWords) EXPECT_EQ(Ask(line), reply) << line;
  EXPECT_THAT(Ask("memory doctor"), AllOf(StartsWith("$"), HasSubstr("ringproxy keeps no data")));
  client_.flavour.protocol = 3;
  for (const auto& [line, reply] : kWords) EXPECT_EQ(Ask(line), reply) << line;
  EXPECT_THAT(Ask("memory doctor"), AllOf(StartsWith("="), HasSubstr("txt:ringproxy keeps no data")));
}

TEST_F(LocalCommands, AClientWithoutNamesStaysSmall) {
  Ask({"client", "setname", ""});
  Ask("client id");
  EXPECT_EQ(client_.labels, nullptr);
  EXPECT_LE(sizeof(ClientState), 96U);
}

TEST_F(LocalCommands, RoleIsThatOfAMasterWithoutReplicas) {
  EXPECT_EQ(Ask("role"), "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
}

TEST_F(LocalCommands, AClientIsKnownByItsAddressAndItsAccount) {
  EXPECT_EQ(client_.id, 7U);
  EXPECT_EQ(client_.address, "127.0.0.1:50412");
  EXPECT_EQ(client_.ip, conf::ParseIp("127.0.0.1"));
  EXPECT_EQ(NewClient(1, "[2001:db8::7]:5").ip, conf::ParseIp("2001:db8::7"));
  const ClientState local = NewClient(2, "/run/ringproxy.sock:0", "www-data");
  EXPECT_EQ(local.ip, conf::IpAddress{});
  ASSERT_NE(local.labels, nullptr);
  EXPECT_EQ(local.labels->user, "www-data");
}

TEST_F(LocalCommands, EveryRowThatIsAnsweredHereHasItsAnswer) {
  size_t answered = 0;
  for (const wire::CommandSpec& spec : wire::RedisCommands()) {
    if (spec.handling != wire::Handling::kLocal) continue;
    std::vector<std::string_view> words = {spec.name.substr(0, spec.name.find('|'))};
    if (words[0] != spec.name) words.push_back(spec.name.substr(words[0].size() + 1));
    while (static_cast<int>(words.size()) < std::abs(spec.arity)) words.emplace_back("1");
    for (const uint8_t protocol : {2, 3}) {
      client_.flavour.protocol = protocol;
      const std::string reply = Appended(words);
      if (outcome_ == LocalOutcome::kAskNodes) continue;
      ExpectOneReply(reply);
    }
    ++answered;
  }
  EXPECT_GT(answered, 30U);
}

}  // namespace
}  // namespace ringproxy::proxy
