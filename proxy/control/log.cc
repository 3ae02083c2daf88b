#include "proxy/control/log.h"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <nlohmann/json.hpp>

#include "conf/units.h"
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

// Of a line: what stands before and behind its message takes less than the rest.
constexpr size_t kMostMessage = PIPE_BUF - 128;

// All in ASCII: among Unicode's characters, too, are some that a terminal obeys.
std::string AsJson(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::string AsText(const std::string& text) {
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      shown.push_back(c);
    } else {
      fmt::format_to(std::back_inserter(shown), "\\x{:02x}", byte);
    }
  }
  return shown;
}

// The message, which may quote what a client or a node has sent, with its end left out when it is long.
template <std::string Quote(const std::string&)>
class QuotedMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string_view text(message.payload.data(), message.payload.size());
    std::string quoted;
    for (size_t kept = text.size();; kept = std::min(kept * kMostMessage / quoted.size(), kMostMessage)) {
      std::string shown(text.substr(0, kept));
      if (kept < text.size()) shown += "... (" + conf::FormatNumberOf(text.size() - kept, "more byte") + ")";
      quoted = Quote(shown);
      if (quoted.size() <= kMostMessage) break;
    }
    out.append(quoted.data(), quoted.data() + quoted.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<QuotedMessage>(); }
};

std::unique_ptr<spdlog::formatter> NewFormatter(conf::LogFormat format) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  if (format == conf::LogFormat::kJson) {
    formatter->add_flag<QuotedMessage<AsJson>>('*').set_pattern(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":%*})");
  } else {
    formatter->add_flag<QuotedMessage<AsText>>('*').set_pattern("%Y-%m-%d %H:%M:%S.%e %l %*");
  }
  return formatter;
}

// Enough for a large fleet whose nodes all change at once.
constexpr size_t kQueuedLines = 1024;

// Others ask without knowing the Log, and spdlog's logger does not tell what its sink has dropped.
std::atomic<LogSink*> current_sink{nullptr};

// False when the lines that are queued are not through soon after `end`.
bool WriteQueued(LogSink& sink, LogSink::Clock::time_point end) {
  // The sink is told first: the flush stands in the queue behind lines that may wait for the reader for ever.
  sink.EndBy(end);
  spdlog::default_logger()->flush();
  return sink.WaitForFlush(std::max(end, LogSink::Clock::now()) + Log::kLastWait / 10);
}

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
  const bool is_through = WriteQueued(*sink_, std::min(LogSink::Clock::now() + kLastWait, end_by_));
  spdlog::set_default_logger(before_);
  current_sink = nullptr;
  // Its thread may be stuck in a write for as long as the descriptor's reader likes: then the process ends without it.
  if (!is_through) new std::shared_ptr(thread_);
}

uint64_t LogLinesDropped() {
  const LogSink* const sink = current_sink.load();
  return sink != nullptr ? sink->dropped() : 0;
}

void SayDroppedLines() {
  const LogSink* const sink = current_sink.load();
  if (sink != nullptr && sink->owes()) spdlog::critical("");
}

bool LogLastLine(std::string_view text) {
  LogSink* const sink = current_sink.load();
  if (sink == nullptr) return false;
  spdlog::error("{}", text);
  WriteQueued(*sink, LogSink::Clock::now() + Log::kLastWait);
  return true;
}

}  // namespace ringproxy::proxy
