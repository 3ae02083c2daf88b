#include "backends/net/libevent_stream.h"

#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>

#include <array>
#include <fstream>
#include <optional>
#include <vector>

#include "tests/backends/net/event_base_fixture.h"

namespace ringproxy::net {
namespace {

using namespace std::chrono_literals;

struct Told final : StreamObserver {
  void OnConnected(int error) override { connected.push_back(error); }
  void OnReadable() override {
    ++readable;
    if (on_readable) on_readable();
  }
  void OnWritable() override {
    ++writable;
    if (on_writable) on_writable();
  }

  std::vector<int> connected;
  int readable = 0;
  int writable = 0;
  std::function<void()> on_readable;
  std::function<void()> on_writable;
};

class LibeventStreamTest : public EventBaseTest {
 protected:
  // A stream over one end of a pair of sockets; `far_` is the other.
  void Adopt() {
    std::array<int, 2> ends{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    far_ = TestSocket(ends[1]);
    stream_ = std::make_unique<LibeventStream>(base(), told_, ends[0]);
  }
  void Unconnected() { stream_ = std::make_unique<LibeventStream>(base(), told_); }
  // On 127.0.0.1 alone.
  void Listen() {
    listen_ = TestSocket(AF_INET, 0);
    ASSERT_EQ(BindTo(listen_, Loopback(0)), 0);
    ASSERT_EQ(listen(listen_.fd(), 8), 0);
  }
  void Accept() { far_ = TestSocket(accept4(listen_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)); }
  bool RunUntilConnected() {
    return RunUntil([&] { return !told_.connected.empty(); });
  }

  void FarWrites(std::string_view text) {
    ASSERT_EQ(write(far_.fd(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::string FarReads() {
    std::array<char, 1000> buffer{};
    const ssize_t got = read(far_.fd(), buffer.data(), buffer.size());
    return got > 0 ? std::string(buffer.data(), static_cast<size_t>(got)) : std::string();
  }
  bool FarSeesTheEnd() {
    char byte;
    return read(far_.fd(), &byte, 1) == 0;
  }
  IoResult Write(const std::vector<std::string>& texts) {
    std::vector<iovec> pieces;
    for (const std::string& text : texts) pieces.push_back({const_cast<char*>(text.data()), text.size()});
    return stream_->Write(pieces);
  }
  std::string Read() {
    std::array<char, 1000> buffer{};
    const IoResult result = stream_->Read(buffer.data(), buffer.size());
    EXPECT_EQ(result.status, IoStatus::kOk);
    return {buffer.data(), result.bytes};
  }
  IoResult ReadNothing() {
    char byte;
    const IoResult result = stream_->Read(&byte, 1);
    EXPECT_EQ(result.bytes, 0U);
    return result;
  }
  // Until the socket takes no more.
  void Fill() {
    const std::string much(64 << 10, 'x');
    while (Write({much}).status == IoStatus::kOk) {
    }
  }

  Told told_;
  TestSocket listen_{-1};
  TestSocket far_{-1};
  std::unique_ptr<LibeventStream> stream_;
};

TEST_F(LibeventStreamTest, TellsOfBytesFromTheStart) {
  Adopt();
  Turn();
  EXPECT_EQ(told_.readable, 0);
  FarWrites("hello");
  Turn();
  EXPECT_EQ(told_.readable, 1);
  EXPECT_EQ(Read(), "hello");
  EXPECT_EQ(ReadNothing().status, IoStatus::kWouldBlock);
  Turn();
  EXPECT_EQ(told_.readable, 1);
  EXPECT_EQ(told_.writable, 0);
  EXPECT_TRUE(told_.connected.empty());  // It was so already.
}

TEST_F(LibeventStreamTest, TellsAgainOfBytesThatWereNotRead) {
  Adopt();
  FarWrites("hello");
  Turn();
  Turn();
  EXPECT_EQ(told_.readable, 2);
}

TEST_F(LibeventStreamTest, IsSilentAboutReadsThatAreNotWatchedAndForgetsNone) {
  Adopt();
  stream_->WatchReads(false);
  FarWrites("hello");
  Turn();
  EXPECT_EQ(told_.readable, 0);
  stream_->WatchReads(true);
  Turn();
  EXPECT_EQ(told_.readable, 1);
}

TEST_F(LibeventStreamTest, KnowsAnEndFromAnError) {
  Listen();
  for (const bool is_reset : {false, true}) {
    Unconnected();
    ASSERT_TRUE(stream_->ConnectNow({"127.0.0.1", listen_.port(), ""}));
    told_.connected.clear();
    ASSERT_TRUE(RunUntilConnected());
    Accept();
    const int before = told_.readable;
    is_reset ? far_.Reset() : far_.Close();
    ASSERT_TRUE(RunUntil([&] { return told_.readable > before; }));
    const IoResult result = ReadNothing();
    EXPECT_EQ(result.status, is_reset ? IoStatus::kError : IoStatus::kEnd);
    EXPECT_EQ(result.error, is_reset ? ECONNRESET : 0);
  }
}

TEST_F(LibeventStreamTest, WritesOnePieceOrManyInTheirOrder) {
  Adopt();
  EXPECT_EQ(Write({"one"}).bytes, 3U);
  EXPECT_EQ(FarReads(), "one");
  const IoResult result = Write({"two ", "three ", "four"});
  EXPECT_EQ(result.status, IoStatus::kOk);
  EXPECT_EQ(result.bytes, 14U);
  EXPECT_EQ(FarReads(), "two three four");
}

TEST_F(LibeventStreamTest, TellsWhenAFullSocketHasRoomAgain) {
  Adopt();
  Fill();
  const IoResult full = Write({"x", "y"});
  EXPECT_EQ(full.status, IoStatus::kWouldBlock);
  EXPECT_EQ(full.bytes, 0U);
  stream_->WatchWrites(true);
  Turn();
  EXPECT_EQ(told_.writable, 0);
  while (!FarReads().empty()) {
  }
  Turn();
  EXPECT_EQ(told_.writable, 1);
  stream_->WatchWrites(false);
  Turn();
  EXPECT_EQ(told_.writable, 1);
}

TEST_F(LibeventStreamTest, SaysThatNobodyIsThereToReadAndDiesOfNoSignal) {
  Adopt();
  far_.Close();
  for (const std::vector<std::string>& pieces : {std::vector<std::string>{"x"}, {"x", "y"}}) {
    const IoResult result = Write(pieces);
    EXPECT_EQ(result.status, IoStatus::kError);
    EXPECT_EQ(result.error, EPIPE);
  }
}

// A peer that never stops sending would leave no turn for a write.
TEST_F(LibeventStreamTest, TellsOfReadsAndWritesTurnAndTurnAbout) {
  Adopt();
  FarWrites("never read");
  stream_->WatchWrites(true);
  for (int i = 0; i < 10; ++i) Turn();
  EXPECT_EQ(told_.readable, 5);
  EXPECT_EQ(told_.writable, 5);
}

TEST_F(LibeventStreamTest, MayDieWithinTheCallsOfItsObserver) {
  for (const bool in_write : {false, true}) {
    Adopt();
    told_.readable = told_.writable = 0;
    told_.on_readable = told_.on_writable = [&] { stream_.reset(); };
    stream_->WatchWrites(in_write);
    FarWrites("x");
    Turn();
    Turn();
    EXPECT_EQ(stream_, nullptr);
    EXPECT_EQ(told_.readable + told_.writable, 1);
    EXPECT_EQ(told_.writable, in_write ? 1 : 0);
  }
}

TEST_F(LibeventStreamTest, ClosesItsSocketWithItself) {
  Adopt();
  EXPECT_FALSE(FarSeesTheEnd());
  stream_.reset();
  EXPECT_TRUE(FarSeesTheEnd());
}

TEST_F(LibeventStreamTest, ConnectsToANumericAddressAndIsThenRead) {
  Listen();
  Unconnected();
  EXPECT_TRUE(stream_->ConnectNow({"127.0.0.1", listen_.port(), "", 60s}));
  EXPECT_TRUE(told_.connected.empty());  // Not before it returns.
  ASSERT_TRUE(RunUntilConnected());
  EXPECT_EQ(told_.connected, std::vector<int>{0});
  Accept();
  EXPECT_EQ(Write({"ping"}).bytes, 4U);
  ASSERT_TRUE(RunUntil([&] { return FarReads() == "ping"; }));
  FarWrites("pong");
  ASSERT_TRUE(RunUntil([&] { return told_.readable > 0; }));
  EXPECT_EQ(Read(), "pong");
  EXPECT_EQ(told_.writable, 0);
  EXPECT_EQ(told_.connected.size(), 1U);
}

TEST_F(LibeventStreamTest, ConnectsOverAUnixSocket) {
  const std::string path = testing::TempDir() + "ringproxy_stream_" + std::to_string(getpid());
  unlink(path.c_str());
  listen_ = TestSocket(AF_UNIX, 0);
  ASSERT_EQ(BindTo(listen_, LocalAddress(path)), 0);
  ASSERT_EQ(listen(listen_.fd(), 1), 0);
  Unconnected();
  EXPECT_TRUE(stream_->ConnectNow({"", 0, path}));
  ASSERT_TRUE(RunUntilConnected());
  EXPECT_EQ(told_.connected, std::vector<int>{0});
  Accept();
  FarWrites("hello");
  ASSERT_TRUE(RunUntil([&] { return told_.readable > 0; }));
  EXPECT_EQ(Read(), "hello");
  unlink(path.c_str());
}

TEST_F(LibeventStreamTest, TellsOfARefusalOnceAndNotBeforeTheCallReturns) {
  const TestSocket unheard(AF_INET, 0);  // Has a port and does not listen.
  ASSERT_EQ(BindTo(unheard, Loopback(0)), 0);
  const std::vector<std::pair<Endpoint, int>> kNobody = {
      {{"127.0.0.1", unheard.port(), ""}, ECONNREFUSED},
      {{"", 0, testing::TempDir() + "nobody/listens/here"}, ENOENT},
  };
  for (const auto& [endpoint, error] : kNobody) {
    Unconnected();
    told_.connected.clear();
    EXPECT_TRUE(stream_->ConnectNow(endpoint));
    EXPECT_TRUE(told_.connected.empty());
    ASSERT_TRUE(RunUntilConnected());
    for (int i = 0; i < 5; ++i) Turn();
    EXPECT_EQ(told_.connected, std::vector<int>{error});
  }
}

TEST_F(LibeventStreamTest, TellsThatThereIsNoDescriptorForIt) {
  Unconnected();
  {
    const NoDescriptors none;
    EXPECT_TRUE(stream_->ConnectNow({"127.0.0.1", 1, ""}));
  }
  EXPECT_TRUE(told_.connected.empty());
  Turn();
  EXPECT_EQ(told_.connected, std::vector<int>{EMFILE});
}

TEST_F(LibeventStreamTest, DoesNothingWithAHostNameThatIsToBeConnectedNow) {
  Unconnected();
  EXPECT_FALSE(stream_->ConnectNow({"localhost", 1, ""}));
  Turn();
  EXPECT_TRUE(told_.connected.empty());
}

TEST_F(LibeventStreamTest, CannotReachAHostNameWithoutAResolver) {
  Unconnected();
  stream_->ResolveAndConnect({"somewhere", 1, ""}, nullptr);
  EXPECT_TRUE(told_.connected.empty());
  Turn();
  EXPECT_EQ(told_.connected, std::vector<int>{EHOSTUNREACH});
}

// A name server on loopback that knows "here" and "gone".
class LibeventStreamDnsTest : public LibeventStreamTest {
 protected:
  LibeventStreamDnsTest() {
    Listen();
    TestSocket udp(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    EXPECT_EQ(BindTo(udp, Loopback(0)), 0);
    dns_ = evdns_base_new(base(), EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    EXPECT_EQ(evdns_base_set_option(dns_, "randomize-case:", "0"), 0);
    EXPECT_EQ(evdns_base_nameserver_ip_add(dns_, ("127.0.0.1:" + std::to_string(udp.port())).c_str()), 0);
    server_ = evdns_add_server_port_with_base(base(), udp.Release(), 0, Serve, this);
  }
  ~LibeventStreamDnsTest() override {
    stream_.reset();
    evdns_close_server_port(server_);
    evdns_base_free(dns_, 0);
    Turn();  // Where libevent lets go of what it has still to free.
  }

  static void Serve(evdns_server_request* request, void* self) {
    ++static_cast<LibeventStreamDnsTest*>(self)->questions_;
    const evdns_server_question& question = *request->questions[0];
    const std::string name = question.name;
    if (name == "silent") {
      evdns_server_request_drop(request);
      return;
    }
    const in_addr here{htonl(INADDR_LOOPBACK)};
    if (name == "here" && question.type == EVDNS_TYPE_A) {
      evdns_server_request_add_a_reply(request, question.name, 1, &here, 60);
    }
    constexpr int kNoSuchName = 3;
    evdns_server_request_respond(request, name == "here" ? 0 : kNoSuchName);
  }
  // A hosts file with this in it.
  void KnowHosts(const std::string& lines) {
    const std::string path = testing::TempDir() + "ringproxy_hosts_" + std::to_string(getpid());
    std::ofstream(path) << lines;
    EXPECT_EQ(evdns_base_load_hosts(dns_, path.c_str()), 0);
    unlink(path.c_str());
  }
  void Resolve(const std::string& name) {
    Unconnected();
    stream_->ResolveAndConnect({name, listen_.port(), ""}, dns_);
    EXPECT_TRUE(told_.connected.empty());
  }

  evdns_base* dns_ = nullptr;
  evdns_server_port* server_ = nullptr;
  int questions_ = 0;
};

TEST_F(LibeventStreamDnsTest, ConnectsToAHostNameOnceItIsResolved) {
  Resolve("here");
  ASSERT_TRUE(RunUntilConnected());
  EXPECT_EQ(told_.connected, std::vector<int>{0});
  EXPECT_GT(questions_, 0);
  Accept();
  EXPECT_EQ(Write({"ping"}).bytes, 4U);
  ASSERT_TRUE(RunUntil([&] { return FarReads() == "ping"; }));
}

TEST_F(LibeventStreamDnsTest, TellsThatANameIsNobodys) {
  Resolve("gone");
  ASSERT_TRUE(RunUntilConnected());
  EXPECT_EQ(told_.connected, std::vector<int>{EHOSTUNREACH});
}

TEST_F(LibeventStreamDnsTest, MayDieWhileItsNameIsBeingResolved) {
  Resolve("silent");
  ASSERT_TRUE(RunUntil([&] { return questions_ > 0; }));
  stream_.reset();
  Turn();
  EXPECT_TRUE(told_.connected.empty());
}

TEST_F(LibeventStreamDnsTest, TriesTheAddressesOfANameUntilOneIsServed) {
  KnowHosts("127.0.0.2 many\n127.0.0.3 many\n127.0.0.1 many\n");
  Resolve("many");
  ASSERT_TRUE(RunUntilConnected());
  EXPECT_EQ(told_.connected, std::vector<int>{0});
  EXPECT_EQ(questions_, 0);
  Accept();
  FarWrites("hello");
  ASSERT_TRUE(RunUntil([&] { return told_.readable > 0; }));
  EXPECT_EQ(Read(), "hello");
}

TEST_F(LibeventStreamDnsTest, TellsOfTheLastAddressWhenNoneIsServed) {
  KnowHosts("127.0.0.2 none\n127.0.0.3 none\n");
  Resolve("none");
  ASSERT_TRUE(RunUntilConnected());
  for (int i = 0; i < 5; ++i) Turn();
  EXPECT_EQ(told_.connected, std::vector<int>{ECONNREFUSED});
}

}  // namespace
}  // namespace ringproxy::net
