// A fleet in simulation for tools/limit_accuracy, and the lease script for the end-to-end tests:
//   lease_fleet script lease|members      its text
//   lease_fleet hash lease|members        and its hash
//   lease_fleet replay                    answers calls as the model of the script does; each line of standard input is
//                                         TIME_US AMOUNT WINDOW_US BURST WANT LEAST DEBT LESSEES AFTER_OUTAGE, and each
//                                         of the output GRANTED RETRY_AFTER_US USED_THOUSANDTHS STORED (- if it is not)
//   lease_fleet simulate RATE PROXIES WORKERS SEED PHASE…   JSON; a PHASE is SECONDS:OFFERED:ZIPF[:FIRST_PROXY],
//   OFFERED
//                                         in times of the rate; the burst is a tenth of the rate
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/lease_fleet.h"
#include "tests/support/lease_store.h"
#include "tests/support/limit_references.h"

namespace {

using namespace ringproxy;
using Words = std::vector<std::string>;

int ShowScript(const Words& words) {
  const std::string_view script = words[2] == "members" ? proxy::MembersScript() : proxy::LeaseScript();
  std::cout << (words[1] == "hash" ? proxy::ScriptHash(script) : std::string(script));
  return 0;
}

int Replay() {
  test::LeaseStore store;
  int64_t time = 0, window = 0;
  proxy::LeaseTerms terms;
  proxy::LeaseRequest request;
  while (std::cin >> time >> terms.rate.amount >> window >> terms.burst >> request.want >> request.least >>
         request.debt >> request.lessees >> request.after_outage) {
    terms.rate.window = net::Duration(window);
    const auto reply = store.Call(terms, request, time);
    std::printf("%llu %lld %u ", static_cast<unsigned long long>(reply.granted),
                static_cast<long long>(reply.retry_after.count()), reply.used_thousandths);
    store.stored() ? std::printf("%.0f\n", *store.stored()) : std::printf("-\n");
  }
  return 0;
}

nlohmann::json Figures(const test::AdmissionMeter& meter, uint64_t store_calls, double rate, double offered,
                       double ideal) {
  return {{"goodput", static_cast<double>(meter.admitted()) / ideal},
          {"beyond_second", meter.most_beyond_in_a_second() / rate},
          {"beyond_any", meter.most_beyond() / rate},
          {"calls_per_request", static_cast<double>(store_calls) / offered},
          {"tenths", meter.tenths()}};
}

bool ReadPhase(const std::string& text, test::LoadPhase* phase) {
  return std::sscanf(text.c_str(), "%lf:%lf:%lf:%u", &phase->seconds, &phase->offered, &phase->zipf, &phase->rotate) >=
         3;
}

int Simulate(const Words& words) {
  const auto number = [&words](size_t i) { return std::strtoul(words[i].c_str(), nullptr, 10); };
  test::FleetOptions options;
  options.policy.terms = {.rate = {number(2)}, .burst = std::max<uint64_t>(1, number(2) / 10)};
  options.size = {static_cast<uint32_t>(number(3)), static_cast<uint32_t>(number(4))};
  options.seed = number(5);
  std::vector<test::LoadPhase> phases(words.size() - 6);
  for (size_t i = 0; i < phases.size(); ++i) {
    if (!ReadPhase(words[i + 6], &phases[i])) return 2;
  }
  const proxy::LeaseTerms& terms = options.policy.terms;
  const auto rate = static_cast<double>(terms.rate.amount);
  const auto arrivals = test::MakeArrivals(rate, options.size, phases, options.seed);
  const auto offered = static_cast<double>(arrivals.size());
  const auto ideal = static_cast<double>(test::IdealAdmissions(terms, arrivals));
  nlohmann::json out = {{"offered", arrivals.size()}, {"ideal", ideal}, {"limiters", nlohmann::json::object()}};
  const test::FleetResult leases = test::RunFleet(options, arrivals);
  out["limiters"]["lease"] = Figures(leases.meter, leases.store_calls, rate, offered, ideal);
  out["limiters"]["lease"]["most_held"] = static_cast<double>(leases.most_held) / rate;
  for (const test::ReferenceResult& result :
       {test::RunStaticSplit(terms, options.size, arrivals), test::RunStoreWindow(terms, arrivals, options.seed),
        test::RunSharedCounters(terms, options.size, arrivals)}) {
    out["limiters"][std::string(result.name)] = Figures(result.meter, result.store_calls, rate, offered, ideal);
  }
  std::cout << out << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const Words words(argv, argv + argc);
  const std::string what = words.size() > 1 ? words[1] : "";
  if (words.size() == 3 && (what == "script" || what == "hash")) return ShowScript(words);
  if (words.size() == 2 && what == "replay") return Replay();
  if (words.size() > 6 && what == "simulate") return Simulate(words);
  std::cerr << "usage: lease_fleet script|hash lease|members, lease_fleet replay, or\n"
               "       lease_fleet simulate RATE PROXIES WORKERS SEED SECONDS:OFFERED:ZIPF[:FIRST_PROXY]…\n";
  return 2;
}
