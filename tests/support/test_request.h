// tests/support/test_request.h – A framed request made of words. Lifetime: its Request views it.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "backends/wire/request.h"
#include "backends/wire/resp_encode.h"

namespace ringproxy::test {

class TestRequest {
 public:
  TestRequest(std::initializer_list<std::string_view> words) : TestRequest(std::vector<std::string_view>(words)) {}
  explicit TestRequest(const std::vector<std::string_view>& words) {
    wire::AppendArrayHeader(words.size(), &encoded_);
    for (const std::string_view word : words) {
      wire::AppendBulkHeader(word.size(), &encoded_);
      spans_.push_back({static_cast<uint32_t>(encoded_.size()), static_cast<uint32_t>(word.size())});
      encoded_.append(word).append("\r\n");
    }
  }
  TestRequest(const TestRequest&) = delete;
  TestRequest& operator=(const TestRequest&) = delete;

  // "sort k by x*": words parted by single spaces; "" stands for an empty one.
  static std::vector<std::string_view> Split(std::string_view line) {
    std::vector<std::string_view> words;
    for (size_t at = 0; at <= line.size();) {
      const size_t end = std::min(line.find(' ', at), line.size());
      const std::string_view word = line.substr(at, end - at);
      words.push_back(word == "\"\"" ? std::string_view() : word);
      at = end + 1;
    }
    return words;
  }

  operator wire::Request() const { return {encoded_, spans_}; }

 private:
  std::string encoded_;
  std::vector<wire::ArgumentSpan> spans_;
};

}  // namespace ringproxy::test
