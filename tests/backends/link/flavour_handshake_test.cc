// The greetings of links that are not plain.
#include <gtest/gtest.h>

#include "backends/link/handshake.h"
#include "tests/backends/wire/binary_packets.h"

namespace ringproxy::backends {
namespace {

using Step = Handshake::HandshakeStep;

const conf::Auth kOpen{};
const conf::Auth kOldLogin{.username = "", .password_file = "f", .password = "secret"};
const conf::Auth kUserLogin{.username = "app", .password_file = "f", .password = "secret"};
constexpr Flavour kResp3{.database = 0, .protocol = 3};
constexpr Flavour kDatabase9{.database = 9, .protocol = 2};
constexpr Flavour kBoth{.database = 9, .protocol = 3};
constexpr const char* kPingBytes = "*1\r\n$4\r\nPING\r\n";
constexpr const char* kSelectBytes = "*2\r\n$6\r\nSELECT\r\n$1\r\n9\r\n";
constexpr const char* kHelloReply =
    "%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n$5\r\nproto\r\n:3\r\n";

struct Greeting {
  Greeting(const conf::Auth& auth, Flavour flavour) : handshake(NewHandshake(conf::Protocol::kRedis, auth, flavour)) {
    handshake->Start(&said);
  }
  Step Hear(std::string_view reply) {
    std::string next;
    const Step step = handshake->OnReply(reply, &next);
    EXPECT_EQ(next, "");
    return step;
  }
  std::unique_ptr<Handshake> handshake;
  std::string said;
};

TEST(FlavourHandshake, SaysHelloSelectsAndPingsInOneRoundTrip) {
  EXPECT_EQ(Greeting(kOpen, kResp3).said, "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n" + std::string(kPingBytes));
  EXPECT_EQ(
      Greeting(kOldLogin, kResp3).said,
      "*5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$6\r\nsecret\r\n" + std::string(kPingBytes));
  EXPECT_EQ(Greeting(kUserLogin, kBoth).said,
            "*5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n$6\r\nsecret\r\n" + std::string(kSelectBytes) +
                kPingBytes);
  EXPECT_EQ(Greeting(kOpen, kDatabase9).said, std::string(kSelectBytes) + kPingBytes);
  EXPECT_EQ(Greeting(kUserLogin, kDatabase9).said,
            "*3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n$6\r\nsecret\r\n" + std::string(kSelectBytes) + kPingBytes);
}

TEST(FlavourHandshake, IsDoneAfterAllOfIt) {
  Greeting both(kOpen, kBoth);
  EXPECT_EQ(both.Hear(kHelloReply), Step::kMore);
  EXPECT_EQ(both.Hear("+OK\r\n"), Step::kMore);
  EXPECT_EQ(both.Hear("+PONG\r\n"), Step::kDone);
  EXPECT_EQ(both.handshake->version(), ServerVersion(7, 2, 4));
  Greeting database(kOldLogin, kDatabase9);
  EXPECT_EQ(database.Hear("+OK\r\n"), Step::kMore);
  EXPECT_EQ(database.Hear("+OK\r\n"), Step::kMore);
  EXPECT_EQ(database.Hear("+PONG\r\n"), Step::kDone);
  EXPECT_FALSE(database.handshake->version().is_known());
}

TEST(FlavourHandshake, IsUnfitWhereTheNodeRefusesJustTheFlavour) {
  const auto expect = [](Flavour flavour, const char* reply, const char* words) {
    Greeting greeting(kOpen, flavour);
    EXPECT_EQ(greeting.Hear(reply), Step::kUnfit) << reply;
    EXPECT_EQ(greeting.handshake->refusal(), words);
  };
  expect(kResp3, "-NOPROTO unsupported protocol version\r\n", "NOPROTO unsupported protocol version");
  expect(kResp3, "-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n",
         "NOPROTO unsupported protocol version");
  expect(kResp3, "*2\r\n$5\r\nproto\r\n:2\r\n", "NOPROTO unsupported protocol version");
  expect(kResp3, "-NOPERM this user has no permissions to run the 'hello' command\r\n",
         "NOPERM this user has no permissions to run the 'hello' command");
  expect(kDatabase9, "-ERR DB index is out of range\r\n", "ERR DB index is out of range");
  expect(kDatabase9, "-NOPERM this user has no permissions to run the 'select' command\r\n",
         "NOPERM this user has no permissions to run the 'select' command");
  expect(kDatabase9, "-ERR SELECT is not allowed in cluster mode\r\n", "ERR SELECT is not allowed in cluster mode");
}

TEST(FlavourHandshake, IsRefusedAsAPlainOneWhereTheNodeRefusesMore) {
  for (const char* reply : {"-WRONGPASS invalid username-password pair or user is disabled.\r\n",
                            "-NOAUTH HELLO must be called with the client already authenticated\r\n",
                            "-ERR max number of clients reached\r\n", "-LOADING x\r\n", ":1\r\n"}) {
    Greeting greeting(kUserLogin, kDatabase9);
    EXPECT_EQ(greeting.Hear(reply), Step::kRefused) << reply;
  }
  for (const char* reply : {"-NOAUTH Authentication required.\r\n", "-ERR max number of clients reached\r\n",
                            "-LOADING x\r\n", "-BUSY Redis is busy running a script.\r\n", "$2\r\nOK\r\n"}) {
    Greeting greeting(kOpen, kDatabase9);
    EXPECT_EQ(greeting.Hear(reply), Step::kRefused) << reply;
  }
  Greeting loading(kOpen, kResp3);
  EXPECT_EQ(loading.Hear(kHelloReply), Step::kMore);
  EXPECT_EQ(loading.Hear("-LOADING Redis is loading the dataset in memory\r\n"), Step::kRefused);
}

TEST(FlavourHandshake, TellsNothingThatAnOldServerRepeatsOfTheLogin) {
  Greeting greeting(kUserLogin, kResp3);
  EXPECT_EQ(greeting.Hear("-ERR wrong HELLO 3 AUTH app secret here\r\n"), Step::kRefused);
  EXPECT_EQ(greeting.handshake->refusal(), "ERR wrong HELLO 3 AUTH app ... (the rest repeats the login)");
}

constexpr Flavour kBinary{.database = 0, .protocol = Flavour::kBinary};

std::string NoopPacket(char magic, uint16_t status = 0, const std::string& words = "") {
  const test::Packet packet{.opcode = 0x0a, .value = words, .status = status};
  return test::PacketOf(magic, packet);
}

TEST(FlavourHandshake, GreetsInBinaryByWhatIsALineToAServerOfText) {
  const auto handshake = NewHandshake(conf::Protocol::kMemcached, kOpen, kBinary);
  std::string said, next;
  handshake->Start(&said);
  EXPECT_EQ(said, NoopPacket('\x80'));
  EXPECT_EQ(said[1], '\n');
  EXPECT_EQ(handshake->OnReply(NoopPacket('\x81'), &next), Step::kDone);
  EXPECT_EQ(next, "");
}

// It is well, and has its reasons.
TEST(FlavourHandshake, AServerOfTextOrOneThatWantsALoginIsUnfitForBinary) {
  const auto handshake = NewHandshake(conf::Protocol::kMemcached, kOldLogin, kBinary);
  std::string next;
  EXPECT_EQ(handshake->OnReply("ERROR\r\n", &next), Step::kUnfit);
  EXPECT_EQ(handshake->refusal(), "ERROR");
  EXPECT_EQ(handshake->OnReply("CLIENT_ERROR unauthenticated\r\n", &next), Step::kUnfit);
  EXPECT_EQ(handshake->refusal(), "CLIENT_ERROR unauthenticated");
  EXPECT_EQ(handshake->OnReply(NoopPacket('\x81', 0x20, "Auth failure."), &next), Step::kUnfit);
  EXPECT_EQ(handshake->refusal(), "Auth failure.");
  EXPECT_EQ(handshake->OnReply(NoopPacket('\x81', 0x84, "Internal error"), &next), Step::kRefused);
  EXPECT_EQ(handshake->OnReply("SERVER_ERROR out of memory\r\n", &next), Step::kRefused);
  EXPECT_EQ(handshake->OnReply("HTTP/1.1 400\r\n", &next), Step::kRefused);
}

}  // namespace
}  // namespace ringproxy::backends
