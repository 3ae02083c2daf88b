// tools/ringskew/node_stream.h – A blocking connection to a server, with a timeout on every wait.
//
// Threads: one owner. Errors are one line of text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "conf/config.h"

namespace ringproxy::ringskew {

class NodeStream {
 public:
  NodeStream() = default;
  NodeStream(const NodeStream&) = delete;
  NodeStream& operator=(const NodeStream&) = delete;
  ~NodeStream();

  // All return what is wrong, or nothing.
  using Problem = std::optional<std::string>;
  Problem Connect(const conf::Address& address);
  Problem Send(std::string_view bytes);
  // Reads what has come, at least one byte, to the end of buffer().
  Problem ReadMore();

  // Unconsumed.
  std::string_view buffer() const { return std::string_view(buffer_).substr(start_); }
  void Consume(size_t bytes);

 private:
  int fd_ = -1;
  std::string buffer_;
  size_t start_ = 0;
};

}  // namespace ringproxy::ringskew
