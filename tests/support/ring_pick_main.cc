// Shows the rings to the end-to-end tests:  ring_pick ALGORITHM HASH HASH_TAG NODE…  prints, for each line of standard
// input as a key, the number of its node, counted from 0. A NODE is one argument: `ADDRESS WEIGHT` or, with a name of
// its own, `ADDRESS WEIGHT NAME`. The ring is made as the proxy makes it.
#include <iostream>
#include <sstream>
#include <string>

#include "conf/address.h"
#include "conf/pool_ring.h"
#include "conf/values.h"

namespace {

using namespace ringproxy;

bool ReadNode(const std::string& text, conf::Pool* pool) {
  conf::Node node;
  std::string address;
  std::istringstream words(text);
  if (!(words >> address >> node.weight)) return false;
  const auto parsed = conf::ParseAddress(address);
  if (!parsed) return false;
  node.address = *parsed;
  if (!(words >> node.name)) node.name = node.address.ToString();
  pool->nodes.push_back(node);
  return true;
}

bool ReadPool(int argc, char** argv, conf::Pool* pool) {
  if (argc < 5 || conf::ReadValue(argv[1], {}, pool->ring.algorithm) || conf::ReadValue(argv[2], {}, pool->ring.hash)) {
    return false;
  }
  pool->ring.hash_tag = argv[3];
  for (int i = 4; i < argc; ++i) {
    if (!ReadNode(argv[i], pool)) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  conf::Pool pool;
  if (!ReadPool(argc, argv, &pool)) {
    std::cerr << "usage: ring_pick ALGORITHM HASH HASH_TAG NODE… < KEYS\n";
    return 2;
  }
  const auto ring = conf::MakePoolRing(pool);
  const conf::KeyHasher hash(pool);
  for (std::string key; std::getline(std::cin, key);) std::cout << ring->Pick(hash(key)) << "\n";
}
