// What holds for any bytes that come where a PROXY header has to.
#include "backends/wire/proxy_header.h"
#include "tests/fuzz/cut_input.h"

namespace {

using ringproxy::test::Require;
using ringproxy::wire::kMostProxyHeader;
using ringproxy::wire::ProxyHeader;
using ringproxy::wire::ProxyHeaderStatus;
using ringproxy::wire::ReadProxyHeader;

struct HeaderRead {
  ProxyHeaderStatus status;
  ProxyHeader header;

  bool operator==(const HeaderRead& other) const {
    if (status != other.status) return false;
    return status != ProxyHeaderStatus::kWhole ||
           (header.size == other.header.size && header.client == other.header.client);
  }
};

HeaderRead Read(std::string_view bytes) {
  ringproxy::test::ExactBytes exact(bytes.size());
  HeaderRead read{};
  read.status = ReadProxyHeader(exact.Copy(bytes), &read.header);
  return read;
}

// Its client, written once more, is the same.
void CheckClient(const std::string& client) {
  const size_t colon = client.rfind(':');
  const bool is_six = client.starts_with('[');
  const std::string host = is_six ? client.substr(1, colon - 2) : client.substr(0, colon);
  const std::string any = is_six ? "::" : "0.0.0.0";
  const HeaderRead again =
      Read((is_six ? "PROXY TCP6 " : "PROXY TCP4 ") + host + " " + any + " " + client.substr(colon + 1) + " 0\r\n");
  Require(again.status == ProxyHeaderStatus::kWhole && again.header.client == client);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = ringproxy::test::ReadCutInput(data, size);
  const HeaderRead whole = Read(input.stream);
  for (const size_t cut : input.cuts) {
    const HeaderRead part = Read(input.stream.substr(0, cut));
    Require(part.status == ProxyHeaderStatus::kNeedMore || part == whole);
  }
  if (whole.status == ProxyHeaderStatus::kNeedMore) Require(input.stream.size() < kMostProxyHeader);
  if (whole.status != ProxyHeaderStatus::kWhole) return 0;
  const ProxyHeader& header = whole.header;
  Require(header.size > 0 && header.size <= std::min(input.stream.size(), kMostProxyHeader));
  Require(Read(input.stream.substr(0, header.size)) == whole);
  Require(Read(input.stream.substr(0, header.size - 1)).status == ProxyHeaderStatus::kNeedMore);
  if (!header.client.empty()) CheckClient(header.client);
  return 0;
}
