// proxy/main.cc – ringproxy's entry: command line, log, then the server.
#include <malloc.h>
#include <spdlog/spdlog.h>

#include <iostream>

#include "conf/hints.h"
#include "proxy/control/command_line.h"
#include "proxy/control/log.h"
#include "proxy/control/server.h"

int main(int argc, char** argv) {
  // glibc would raise its threshold with the first large block freed, and large blocks would never go back.
  mallopt(M_MMAP_THRESHOLD, 256 << 10);
  auto parsed = ringproxy::proxy::ParseCommandLine(argc, argv, std::cout, std::cerr);
  if (const auto* code = std::get_if<ringproxy::proxy::ExitCode>(&parsed)) return static_cast<int>(*code);
  auto& run = std::get<ringproxy::proxy::RunConfig>(parsed);
  ringproxy::proxy::SetUpLog(run.config.log);
  for (const std::string& hint : ringproxy::conf::Hints(run.config)) spdlog::warn("{}", hint);
  ringproxy::proxy::Server server(std::move(run.config));
  return static_cast<int>(server.Run());
}
