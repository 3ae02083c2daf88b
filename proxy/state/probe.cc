#include "proxy/state/probe.h"

#include <utility>

#include "backends/wire/resp_reply.h"

namespace ringproxy::proxy {

std::string Probe::RequestsOf(std::string_view command) {
  std::string requests = "*1\r\n$5\r\nMULTI\r\n";
  requests += command;
  return requests += "*1\r\n$4\r\nEXEC\r\n";
}

Probe::ProbeResult Probe::OnReply(backends::Reply&& reply, net::BlockPool& blocks) {
  constexpr std::string_view kArrayOfOne = "*1\r\n";
  const std::string_view bytes = reply.bytes();
  switch (++replies_) {
    case 1: is_plain_ = wire::IsError(bytes); return ProbeResult::kMore;
    case 2:
      if (is_plain_) kept_ = bytes;
      is_refused_ = !is_plain_ && wire::IsError(bytes);
      return ProbeResult::kMore;
    default: break;
  }
  if (is_plain_) {
    answer_ = backends::Reply(kept_);
  } else if (is_refused_ || !bytes.starts_with(kArrayOfOne)) {
    return ProbeResult::kRefused;
  } else if (bytes.size() < net::kLargeFrame) {
    answer_ = backends::Reply(bytes.substr(kArrayOfOne.size()));
  } else {
    net::Block block = reply.Keep(blocks);
    block.Consume(kArrayOfOne.size());
    answer_ = backends::Reply(std::move(block));
  }
  return wire::IsNil(answer_.bytes()) ? ProbeResult::kNothing : ProbeResult::kAnswer;
}

}  // namespace ringproxy::proxy
