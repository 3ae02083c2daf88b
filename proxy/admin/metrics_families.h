// proxy/admin/metrics_families.h – What the parts of /metrics are written with; only they include it.
#pragma once

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "proxy/admin/metrics.h"

namespace ringproxy::proxy {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

class Families {
 public:
  MetricFamily& Add(const char* name, MetricType type, const char* help) {
    return families_.emplace_back(MetricFamily{std::string("ringproxy_") + name, help, type, {}});
  }
  std::string Text() const { return prometheus::TextSerializer().Serialize({families_.begin(), families_.end()}); }

 private:
  std::deque<MetricFamily> families_;  // References to its families stay valid while others are added.
};

inline void AddValue(MetricFamily& family, Labels labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  family.metric.push_back(std::move(metric));
}

// Adds up what `histograms` say; one of which nothing is recorded is not shown.
void AddHistogram(MetricFamily& family, Labels labels, std::span<const backends::Histogram* const> histograms);

// metrics_process.cc: what belongs to no listener, pool, node or limit.
void AddProcess(AllStats workers, const net::ProcessMemory& memory, Families& families);

}  // namespace ringproxy::proxy
