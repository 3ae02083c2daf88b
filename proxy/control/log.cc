#include "proxy/control/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

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

}  // namespace

void SetUpLog(const conf::Log& log) {
  auto logger = spdlog::stderr_logger_mt("ringproxy");
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  if (log.format == conf::LogFormat::kJson) {
    formatter->add_flag<JsonMessage>('*').set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":%*})");
  } else {
    formatter->add_flag<TextMessage>('*').set_pattern("%Y-%m-%d %H:%M:%S.%e %l %*");
  }
  logger->set_formatter(std::move(formatter));
  logger->set_level(LevelOf(log.level));
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace ringproxy::proxy
