#include "proxy/control/command_learner.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "backends/line_limit.h"
#include "conf/units.h"

namespace ringproxy::proxy {
namespace {

constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::seconds kLookEvery{1};

conf::Health PatientOptions() {
  conf::Health options;
  options.timeout = kPatience;
  options.maintenance_key.clear();
  return options;
}

}  // namespace

struct CommandLearner::AskedNode {
  AskedNode(backends::WorkerIo& io, uint32_t of_pool, backends::NodeSettings node_settings,
            std::shared_ptr<backends::NodeRecord> node_record, const conf::Health& options)
      : pool(of_pool),
        settings(std::move(node_settings)),
        record(std::move(node_record)),
        question(io, settings, options) {}

  uint32_t pool;
  backends::NodeSettings settings;
  std::shared_ptr<backends::NodeRecord> record;
  backends::HealthCheck question;
  std::optional<std::vector<wire::LearntRow>> told;
  bool is_tried = false;  // It has answered once, or could not be asked.
  bool has_failed = false;
  uint64_t connects = 0;  // Of all workers, when it was asked last.
  net::TimePoint answered_at{};
  backends::LineLimit lines;
};

CommandLearner::CommandLearner(net::Loop& loop, const Snapshot& snapshot, uint64_t seed, LearntRows& rows,
                               OnTables on_tables)
    : io_{.loop = loop, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(seed)},
      config_(snapshot.config),
      options_(PatientOptions()),
      rows_(rows),
      on_tables_(std::move(on_tables)),
      told_(snapshot.listeners.size()),
      timer_(loop, kLookEvery, [this] { Tick(); }) {
  for (const ListenerSnapshot& listener : snapshot.listeners) {
    listeners_.push_back(Learns(config_, listener.pools) ? listener.pools : std::vector<uint32_t>{});
  }
  for (uint32_t p = 0; p < config_.pools.size(); ++p) {
    const conf::Pool& pool = config_.pools[p];
    for (size_t n = 0; pool.learn && n < pool.nodes.size(); ++n) {
      nodes_.push_back(std::make_unique<AskedNode>(io_, p, backends::SettingsOf(pool, pool.nodes[n]),
                                                   snapshot.pools[p].nodes[n], options_));
    }
  }
}

CommandLearner::~CommandLearner() = default;

void CommandLearner::Start() {
  if (nodes_.empty()) return;
  timer_.Start();
}

void CommandLearner::Tick() {
  const net::TimePoint now = io_.loop.now();
  // Those that are silent until their time is over must not take every turn from the others.
  for (size_t i = 0, first = next_; i < nodes_.size() && under_way_ < kMostAtOnce; ++i) {
    AskedNode& node = *nodes_[(first + i) % nodes_.size()];
    const bool may_be_asked = !node.question.running() && node.record->order != backends::NodeOrder::kDisable;
    if (!may_be_asked) continue;
    const bool is_back = node.record->Sum(&backends::NodeStats::connects) != node.connects;
    const net::Duration wait = node.has_failed ? kAskAgain : kAskEvery;
    if (node.is_tried && !is_back && now - node.answered_at < wait) continue;
    next_ = (first + i + 1) % nodes_.size();
    Ask(node);
  }
}

void CommandLearner::Ask(AskedNode& node) {
  node.connects = node.record->Sum(&backends::NodeStats::connects);
  ++under_way_;
  node.question.AskCommands([this, &node](backends::HealthCheck::CheckOutcome outcome, const std::string& why) {
    OnAnswer(node, outcome, why);
  });
}

void CommandLearner::OnAnswer(AskedNode& node, backends::HealthCheck::CheckOutcome outcome, const std::string& why) {
  --under_way_;
  node.is_tried = true;
  node.answered_at = io_.loop.now();
  node.has_failed = outcome != backends::HealthCheck::CheckOutcome::kGood;
  if (node.has_failed) {
    node.lines.Log(io_.loop.now(), spdlog::level::debug, "node {} of pool {} does not tell its commands: {}",
                   node.settings.node, node.settings.pool, why);
  } else {
    node.told = node.question.TakeCommands();
  }
  node.question.Stop();
  Review();
}

void CommandLearner::Review() {
  // At the start all are asked before anything is believed: the first one's word is not to be taken back at once.
  if (std::ranges::any_of(nodes_, [](const auto& node) { return !node->is_tried; })) return;
  Tables tables;
  bool is_news = false;
  for (size_t l = 0; l < listeners_.size(); ++l) {
    tables.push_back(TableOf(listeners_[l], config_.listeners[l].name));
    const auto rows = tables.back() ? tables.back()->rows() : std::span<const wire::CommandSpec* const>();
    if (std::ranges::equal(rows, told_[l])) continue;
    is_news = true;
    told_[l].assign(rows.begin(), rows.end());
    const auto refused =
        std::ranges::count(rows, wire::Handling::kRefused, [](const auto* row) { return row->handling; });
    spdlog::info("listener {} has learnt {} of its nodes, {} of which it refuses", config_.listeners[l].name,
                 conf::FormatNumberOf(rows.size(), "command"), refused);
  }
  if (is_news) on_tables_(std::move(tables));
}

std::shared_ptr<const LearntCommands> CommandLearner::TableOf(const std::vector<uint32_t>& pools,
                                                              const std::string& listener) {
  if (pools.empty()) return nullptr;
  std::vector<const std::vector<wire::LearntRow>*> told;
  for (const auto& node : nodes_) {
    if (node->told && std::ranges::find(pools, node->pool) != pools.end()) told.push_back(&*node->told);
  }
  LearntCommands::Rows rows;
  for (const wire::LearntRow& row : AgreedRows(told)) {
    const wire::CommandSpec* kept = rows_.Keep(row, pools.front());
    if (kept == nullptr) {
      static backends::LineLimit lines;
      lines.Log(io_.loop.now(), spdlog::level::warn,
                "listener {} does not learn {}: since the start its nodes have told of {}", listener, row.name,
                conf::FormatNumberOf(rows_.share(), "other command"));
      continue;
    }
    rows.push_back(kept);
  }
  return std::make_shared<const LearntCommands>(std::move(rows));
}

}  // namespace ringproxy::proxy
