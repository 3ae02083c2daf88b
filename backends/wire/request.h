// backends/wire/request.h – One framed client request, as views.
//
// Lifetime: valid until the bytes it was framed from move or its parser frames again; copied freely within that.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ringproxy::wire {

// Where one argument's bytes lie within the encoded request.
struct ArgumentSpan {
  uint32_t offset;
  uint32_t size;
};

class Request {
 public:
  Request() = default;
  Request(std::string_view encoded, std::span<const ArgumentSpan> arguments)
      : encoded_(encoded), arguments_(arguments) {}

  // How many arguments there are, the command's name included; at least 1 in a framed request.
  size_t size() const { return arguments_.size(); }
  std::string_view operator[](size_t i) const { return {encoded_.data() + arguments_[i].offset, arguments_[i].size}; }
  // Where argument i lies in encoded().
  ArgumentSpan argument(size_t i) const { return arguments_[i]; }
  std::string_view name() const { return (*this)[0]; }
  // `count` arguments from `first` on as they stand in encoded(), each with its header and line end. Requires: of RESP.
  std::string_view bulks(size_t first, size_t count) const {
    constexpr size_t kLineEndSize = 2;
    size_t start = arguments_[first].offset - kLineEndSize;
    while (encoded_[start] != '$') --start;
    const ArgumentSpan last = arguments_[first + count - 1];
    return encoded_.substr(start, last.offset + last.size + kLineEndSize - start);
  }

  // The whole request as a RESP array of bulk strings, ready to be forwarded (inline requests are converted).
  std::string_view encoded() const { return encoded_; }

 private:
  std::string_view encoded_;
  std::span<const ArgumentSpan> arguments_;
};

}  // namespace ringproxy::wire
