#include "proxy/control/log.h"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "proxy/control/log_sink.h"

namespace ringproxy::proxy {
namespace {

spdlog::level::level_enum LevelOf(conf::LogLevel level) {
  switch (level) {
    case conf::LogLevel::kDebug: return spdlog::level::debug;
    case conf::LogLevel::kInfo: return spdlog::level::info;
    case conf::LogLevel::kWarn: return spdlog::level::warn;
    case conf::LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::info;
}

// The message as a JSON string: it may quote what a client or a node sent.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string_view text(message.payload.data(), message.payload.size());
    const std::string quoted = nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    out.append(quoted.data(), quoted.data() + quoted.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return spdlog::details::make_unique<JsonMessage>(); }
};

// The message on one line and without anything that a terminal would obey.
class TextMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    for (const char c : message.payload) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte >= 0x20 && byte < 0x7f) {
        out.push_back(c);
      } else {
        fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
      }
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return spdlog::details::make_unique<TextMessage>(); }
};

std::unique_ptr<spdlog::formatter> NewFormatter(conf::LogFormat format) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  if (format == conf::LogFormat::kJson) {
    formatter->add_flag<JsonMessage>('*').set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":%*})");
  } else {
    formatter->add_flag<TextMessage>('*').set_pattern("%Y-%m-%d %H:%M:%S.%e %l %*");
  }
  return formatter;
}

// Enough for a large fleet whose nodes all change at once.
constexpr size_t kQueuedLines = 1024;

// /metrics asks without knowing the Log, and spdlog's logger does not tell what its sink has dropped.
std::atomic<const LogSink*> current_sink{nullptr};

}  // namespace

Log::Log(const conf::Log& options, int fd)
    : thread_(std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1)),
      sink_(std::make_shared<LogSink>(fd, [&thread = *thread_] { return thread.overrun_counter(); })),
      before_(spdlog::default_logger()) {
  sink_->set_formatter(NewFormatter(options.format));
  auto logger = std::make_shared<spdlog::async_logger>("ringproxy", sink_, thread_,
                                                       spdlog::async_overflow_policy::overrun_oldest);
  logger->set_level(LevelOf(options.level));
  // By default it would write to stderr itself, and wait there.
  logger->set_error_handler([](const std::string&) {});
  current_sink = sink_.get();
  spdlog::set_default_logger(std::move(logger));
}

Log::~Log() {
  const LogSink::Clock::time_point end = LogSink::Clock::now() + kLastWait;
  // The sink is told first: the flush stands in the queue behind lines that may wait for the reader for ever.
  sink_->EndBy(end);
  spdlog::default_logger()->flush();
  spdlog::set_default_logger(before_);
  current_sink = nullptr;
  // Its thread may be stuck in a write for as long as the descriptor's reader likes: then the process ends without it.
  if (!sink_->WaitForFlush(end + kLastWait / 10)) new std::shared_ptr(thread_);
}

uint64_t LogLinesDropped() {
  const LogSink* const sink = current_sink.load();
  return sink != nullptr ? sink->dropped() : 0;
}

}  // namespace ringproxy::proxy
