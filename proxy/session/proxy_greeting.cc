#include "proxy/session/proxy_greeting.h"

#include <utility>

#include "backends/net/put_back_stream.h"
#include "backends/wire/proxy_header.h"

namespace ringproxy::proxy {

Greeting::GreetingStatus ProxyGreeting::Continue(std::unique_ptr<net::Stream>& stream, ClientState& client) {
  const net::IoResult result = input_.Fill(*stream, io_.read_buffer, wire::kMostProxyHeader - input_.bytes().size());
  if (result.status == net::IoStatus::kEnd || result.status == net::IoStatus::kError) return GreetingStatus::kLeft;
  wire::ProxyHeader header;
  switch (wire::ReadProxyHeader(input_.bytes(), &header)) {
    case wire::ProxyHeaderStatus::kBad: return GreetingStatus::kWrong;
    case wire::ProxyHeaderStatus::kNeedMore: input_.Keep(0); return GreetingStatus::kUnderWay;
    case wire::ProxyHeaderStatus::kWhole: break;
  }
  if (!header.client.empty()) SetAddress(std::move(header.client), &client);
  input_.Consume(header.size);
  if (!input_.empty()) {
    net::Block rest = io_.blocks.Copy(input_.bytes());
    stream = std::make_unique<net::PutBackStream>(io_.loop, std::move(stream), std::move(rest));
  }
  return GreetingStatus::kWhole;
}

}  // namespace ringproxy::proxy
