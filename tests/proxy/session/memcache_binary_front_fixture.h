// tests/proxy/session/memcache_binary_front_fixture.h – Clients that speak memcached's binary protocol, around a whole
// worker, and the links that nodes get for them.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "backends/wire/memcache_binary.h"
#include "tests/backends/wire/binary_packets.h"
#include "tests/proxy/control/limited_worker_fixture.h"

namespace ringproxy::proxy {

using test::BinaryAsked;
using test::BinaryTold;
using test::Packet;

class MemcacheBinaryFrontFixture : public LimitedWorkerFixture {
 protected:
  static constexpr uint8_t kGet = 0x00, kSet = 0x01, kDelete = 0x04, kIncr = 0x05, kQuit = 0x07, kFlush = 0x08,
                           kGetQ = 0x09, kNoop = 0x0a, kVersion = 0x0b, kGetKQ = 0x0d, kStat = 0x10, kSetQ = 0x11,
                           kGetK = 0x0c, kFlushQ = 0x18;

  // Whose links for binary clients wait for nobody.
  static conf::Config TwoBinaryNodes() {
    conf::Config config = TwoMemcachedNodes();
    config.pools[0].reconnect.rate = {1000, 1s};
    return config;
  }
  void StartBinary(conf::Config config = TwoBinaryNodes()) {
    Start(std::move(config));
    Prepare();
  }
  void StartBinaryWith(conf::Limit limit) {
    StartWith(std::move(limit), TwoBinaryNodes());
    Prepare();
  }

  // One packet for each item of the flags and expiry of a set.
  static std::string SetOf(const std::string& key, const std::string& value, uint8_t opcode = kSet, uint32_t opaque = 0,
                           uint64_t cas = 0, uint32_t expiry = 0) {
    return BinaryAsked({.opcode = opcode,
                        .key = key,
                        .extras = test::BigEndian(5, 4) + test::BigEndian(expiry, 4),
                        .value = value,
                        .opaque = opaque,
                        .cas = cas});
  }
  static std::string GetOf(const std::string& key, uint8_t opcode = kGet, uint32_t opaque = 0) {
    return BinaryAsked({.opcode = opcode, .key = key, .opaque = opaque});
  }
  static std::string NoopOf(uint32_t opaque) { return BinaryAsked({.opcode = kNoop, .opaque = opaque}); }

  // The link of a node that speaks binary; opened by the first request that needs it.
  test::FakeSocket& Link(size_t node) { return loop_.socket(links_.at(node)); }
  // A client asks, and links that this opens are greeted.
  void AskBinary(test::FakeSocket& client, const std::string& packets) {
    size_t before = loop_.sockets();
    Ask(client, packets);
    for (; before < loop_.sockets(); ++before) Greet(before);
  }
  // What has been written to the node, packet by packet.
  std::vector<std::string> TakeAsked(size_t node) {
    std::vector<std::string> packets;
    std::string written = Link(node).TakeWritten();
    while (!written.empty()) {
      const size_t size = wire::kBinaryHeaderBytes + wire::ReadBinaryHeader(written).body_bytes;
      packets.push_back(written.substr(0, size));
      written.erase(0, size);
    }
    return packets;
  }
  // A node's reply to what it was asked.
  static std::string ReplyTo(const std::string& asked, Packet packet) {
    packet.opcode = wire::ReadBinaryHeader(asked).opcode;
    packet.opaque = wire::ReadBinaryHeader(asked).opaque;
    return BinaryTold(packet);
  }
  void Tell(size_t node, const std::string& packets) {
    Link(node).Receive(packets);
    Settle();
  }
  // As AskBinary; the node answers each packet with this.
  void AskAndTell(test::FakeSocket& client, const std::string& packets, size_t node, const Packet& packet) {
    AskBinary(client, packets);
    for (const std::string& asked : TakeAsked(node)) Tell(node, ReplyTo(asked, packet));
  }

  std::string a_;  // A key of node 0.
  std::string b_;  // And of node 1.

 private:
  void Prepare() {
    a_ = KeyOf(0);
    b_ = KeyOf(1);
    test::FakeSocket& client = NewClient();
    AskBinary(client, GetOf(a_));
    links_[0] = loop_.sockets() - 1;
    AskBinary(client, GetOf(b_));
    links_[1] = loop_.sockets() - 1;
    for (const size_t node : {0U, 1U}) Tell(node, ReplyTo(TakeAsked(node).at(0), {.status = 1}));
    client.TakeWritten();
  }
  void Greet(size_t socket) {
    test::FakeSocket& link = loop_.socket(socket);
    link.observer->OnConnected(0);
    EXPECT_EQ(link.TakeWritten(), NoopOf(0));
    link.Receive(BinaryTold({.opcode = kNoop}));
    Settle();
  }

  std::map<size_t, size_t> links_;  // Sockets by node.
};

}  // namespace ringproxy::proxy
