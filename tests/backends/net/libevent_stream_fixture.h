// tests/backends/net/libevent_stream_fixture.h – A stream on a bare libevent loop, and the test's end of its
// connection.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backends/net/libevent_stream.h"
#include "tests/backends/net/event_base_fixture.h"

namespace ringproxy::net {

struct ToldStream final : StreamObserver {
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
    stream_ = std::make_unique<LibeventStream>(home(), told_, ends[0]);
  }
  void Unconnected() { stream_ = std::make_unique<LibeventStream>(home(), told_); }
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
  // A connected stream and its far end read what the other writes.
  void ExpectToCarryBothWays() {
    EXPECT_EQ(Write({"ping"}).bytes, 4U);
    ASSERT_TRUE(RunUntil([&] { return FarReads() == "ping"; }));
    FarWrites("pong");
    ASSERT_TRUE(RunUntil([&] { return told_.readable > 0; }));
    EXPECT_EQ(Read(), "pong");
  }
  // Until the socket takes no more.
  void Fill() {
    const std::string much(64 << 10, 'x');
    while (Write({much}).status == IoStatus::kOk) {
    }
  }

  ToldStream told_;
  TestSocket listen_{-1};
  TestSocket far_{-1};
  std::unique_ptr<LibeventStream> stream_;
};

}  // namespace ringproxy::net
