// A worker with clients that have links of their own, and what clients read when a node speaks.
#pragma once

#include <string>
#include <vector>

#include "tests/proxy/control/worker_fixture.h"

namespace ringproxy::proxy {

class PinnedClientFixture : public WorkerFixture {
 protected:
  std::string Ask(test::FakeSocket& client, const std::vector<std::vector<std::string>>& requests) {
    std::string bytes;
    for (const auto& request : requests) bytes += Encode(request);
    client.Receive(bytes);
    return Read(client);
  }
  std::string Read(test::FakeSocket& client) {
    Settle();
    return client.TakeWritten();
  }
  // What a node says, and what the client reads then.
  std::string Answer(test::FakeSocket& link, test::FakeSocket& client, const std::string& reply) {
    link.Receive(reply);
    return Read(client);
  }
};

}  // namespace ringproxy::proxy
