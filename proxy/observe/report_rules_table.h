// proxy/observe/report_rules_table.h – How fields of INFO become one, where their values do not say it themselves.
//
// A field that stands in no row: numbers are added up, so are lists of NAME=NUMBER, and any other text is told where
// all nodes agree. Threads: constants.
#pragma once

#include <string_view>

namespace ringproxy::proxy {

enum class ReportRule : uint8_t {
  kAdded,
  kLeast,
  kMost,
  kAgreed,
  kBound,         // 0 is none, and then there is none of the whole.
  kStatus,        // ok, if all say so.
  kIdentity,      // Changes when that of any node does.
  kLeastVersion,  // Of three numbers.
};

struct ReportRuleRow {
  std::string_view name;
  ReportRule rule;
};

inline constexpr ReportRuleRow kReportRules[] = {
    // What is of one server, and would be nonsense as a sum.
    {"arch_bits", ReportRule::kLeast},
    {"configured_hz", ReportRule::kMost},
    {"hz", ReportRule::kMost},
    {"io_threads_active", ReportRule::kMost},
    {"lru_clock", ReportRule::kMost},
    {"redis_build_id", ReportRule::kAgreed},
    {"redis_git_dirty", ReportRule::kAgreed},
    {"redis_git_sha1", ReportRule::kAgreed},
    {"redis_version", ReportRule::kLeastVersion},
    {"run_id", ReportRule::kIdentity},
    {"server_time_usec", ReportRule::kMost},
    {"shutdown_in_milliseconds", ReportRule::kMost},
    {"uptime_in_days", ReportRule::kLeast},
    {"uptime_in_seconds", ReportRule::kLeast},
    {"valkey_version", ReportRule::kLeastVersion},
    {"client_recent_max_input_buffer", ReportRule::kMost},
    {"client_recent_max_output_buffer", ReportRule::kMost},
    {"active_defrag_running", ReportRule::kMost},
    {"maxmemory", ReportRule::kBound},
    // Flags, times and durations of saving.
    {"aof_current_rewrite_time_sec", ReportRule::kMost},
    {"aof_enabled", ReportRule::kLeast},
    {"aof_last_bgrewrite_status", ReportRule::kStatus},
    {"aof_last_rewrite_time_sec", ReportRule::kMost},
    {"aof_last_write_status", ReportRule::kStatus},
    {"aof_rewrite_in_progress", ReportRule::kMost},
    {"aof_rewrite_scheduled", ReportRule::kMost},
    {"async_loading", ReportRule::kMost},
    {"current_cow_size_age", ReportRule::kMost},
    {"current_fork_perc", ReportRule::kMost},
    {"loading_eta_seconds", ReportRule::kMost},
    {"loading_loaded_perc", ReportRule::kLeast},
    {"loading_start_time", ReportRule::kLeast},
    {"module_fork_in_progress", ReportRule::kMost},
    {"rdb_bgsave_in_progress", ReportRule::kMost},
    {"rdb_current_bgsave_time_sec", ReportRule::kMost},
    {"rdb_last_bgsave_status", ReportRule::kStatus},
    {"rdb_last_bgsave_time_sec", ReportRule::kMost},
    {"rdb_last_save_time", ReportRule::kLeast},
    // Each node takes its time by itself; channels of the proxy's clients are subscribed at every node.
    {"current_active_defrag_time", ReportRule::kMost},
    {"current_eviction_exceeded_time", ReportRule::kMost},
    {"expired_stale_perc", ReportRule::kMost},
    {"instantaneous_eventloop_duration_usec", ReportRule::kMost},
    {"latest_fork_usec", ReportRule::kMost},
    {"pubsub_channels", ReportRule::kMost},
    {"pubsub_patterns", ReportRule::kMost},
    {"pubsubshard_channels", ReportRule::kMost},
};

// Made of other fields of the same section: over / (under - minus).
struct RatioRow {
  std::string_view name;
  std::string_view over;
  std::string_view under;
  std::string_view minus = {};
  bool is_percentage = false;
};

inline constexpr RatioRow kReportRatios[] = {
    {"allocator_frag_ratio", "allocator_active", "allocator_allocated"},
    {"allocator_rss_ratio", "allocator_resident", "allocator_active"},
    {"mem_fragmentation_ratio", "used_memory_rss", "used_memory"},
    {"rss_overhead_ratio", "used_memory_rss", "allocator_resident"},
    {"used_memory_dataset_perc", "used_memory_dataset", "used_memory", "used_memory_startup", true},
    {"used_memory_peak_perc", "used_memory", "used_memory_peak", {}, true},
};

}  // namespace ringproxy::proxy
