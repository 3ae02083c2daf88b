// proxy/main.cc – ringproxy's entry: command line, log, then the server.
#include <fcntl.h>
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <csignal>
#include <iostream>

#include "conf/hints.h"
#include "proxy/command_line.h"
#include "proxy/control/descriptors.h"
#include "proxy/control/foreign_words.h"
#include "proxy/control/log.h"
#include "proxy/server.h"

namespace {

// By default each of these would end the process: a scraper or a log reader that leaves while it is written to, a log
// file that may grow no more, signals that other servers take for something, and SIGHUP until the server handles it.
void IgnoreHarmlessSignals() {
  for (const int number : {SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2, SIGHUP}) std::signal(number, SIG_IGN);
}

// Before the server handles these and after its end nothing is left to drain. The first process of a container would
// not even die by them without a handler.
void LeaveAtOnceWhenTold() {
  for (const int number : {SIGTERM, SIGINT}) std::signal(number, [](int) { _exit(0); });
}

// A socket that got the number of a closed stderr would be sent the log.
void OccupyStandardDescriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) < 0) open("/dev/null", O_RDWR);  // It gets the lowest number that is free: fd.
  }
}

}  // namespace

int main(int argc, char** argv) {
  OccupyStandardDescriptors();
  IgnoreHarmlessSignals();
  // glibc would raise its threshold with the first large block freed, and large blocks would never go back.
  mallopt(M_MMAP_THRESHOLD, 256 << 10);
  auto parsed = ringproxy::proxy::ParseCommandLine(argc, argv, std::cout, std::cerr);
  if (const auto* code = std::get_if<ringproxy::proxy::ExitCode>(&parsed)) return static_cast<int>(*code);
  LeaveAtOnceWhenTold();
  auto& run = std::get<ringproxy::proxy::RunConfig>(parsed);
  ringproxy::proxy::LogForeignWords();
  ringproxy::proxy::Log log(run.config.log, STDERR_FILENO);
  for (const std::string& hint : ringproxy::conf::Hints(run.config)) spdlog::warn("{}", hint);
  // Before loops and sockets take theirs.
  const uint64_t room_for_clients = ringproxy::proxy::RaiseDescriptorLimit(
      ringproxy::proxy::DescriptorsNeeded(run.config, ringproxy::proxy::WorkerCount(run.config)));
  if (room_for_clients == 0) return static_cast<int>(ringproxy::proxy::ExitCode::kCannotListen);
  ringproxy::proxy::Server server(std::move(run.config), room_for_clients);
  const ringproxy::proxy::ExitCode code = server.Run();
  if (server.gone_by()) log.EndBy(*server.gone_by());
  return static_cast<int>(code);
}
