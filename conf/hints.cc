#include "conf/hints.h"

#include "conf/pool_ring.h"
#include "conf/quote.h"
#include "conf/source.h"
#include "conf/values.h"
#include "ring/ketama_ring.h"

namespace ringproxy::conf {
namespace {

// Ketama gives points by shares and rounds them down: a light node among heavy ones has none.
void HintAtNodesWithoutPoints(const Pool& pool, std::vector<std::string>& hints) {
  if (!IsKetama(pool.ring.algorithm)) return;
  uint64_t total = 0;
  for (const Node& node : pool.nodes) total += node.weight;
  for (size_t i = 0; i < pool.nodes.size(); ++i) {
    const Node& node = pool.nodes[i];
    if (ring::KetamaRing::PointsOf(node.weight, total, VirtualNodesOf(pool.ring), pool.nodes.size()) > 0) continue;
    hints.push_back("pools." + PathPart(pool.name) + ".nodes[" + std::to_string(i) + "]: weight " +
                    std::to_string(node.weight) + " of " + std::to_string(total) +
                    " is too small a share for a point on the ring " + std::string(NameOf(pool.ring.algorithm)) + ": " +
                    Quote(node.name) + " gets no key");
  }
}

}  // namespace

std::vector<std::string> Hints(const Config& config) {
  std::vector<std::string> hints;
  for (const Pool& pool : config.pools) HintAtNodesWithoutPoints(pool, hints);
  return hints;
}

}  // namespace ringproxy::conf
