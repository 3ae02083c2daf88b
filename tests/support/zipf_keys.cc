#include "tests/support/zipf_keys.h"

#include <cmath>

namespace ringproxy::test {

ZipfKeys::ZipfKeys(size_t keys, double exponent, uint64_t seed) : random_(seed), columns_(keys) {
  double sum = 0;
  for (size_t i = 0; i < keys; ++i) sum += (columns_[i].height = std::pow(static_cast<double>(i + 1), -exponent));
  // The most frequent keys have more than a column: what they have too much lies above the rare ones' heights.
  for (Column& column : columns_) column.height *= static_cast<double>(keys) / sum;
  size_t rich = 0;
  for (size_t poor = keys; poor-- > 0 && rich < poor;) {
    columns_[poor].above = static_cast<uint32_t>(rich);
    columns_[rich].height -= 1 - columns_[poor].height;
    // Poor by now itself: the next rich one fills it.
    while (columns_[rich].height < 1 && rich + 1 < poor) {
      columns_[rich].above = static_cast<uint32_t>(rich + 1);
      columns_[rich + 1].height -= 1 - columns_[rich].height;
      ++rich;
    }
  }
}

size_t ZipfKeys::Next() {
  // Not std::uniform_real_distribution, which takes logarithms.
  const double at = static_cast<double>(random_() >> 11) * 0x1p-53 * static_cast<double>(columns_.size());
  const auto column = static_cast<size_t>(at);
  return at - static_cast<double>(column) < columns_[column].height ? column : columns_[column].above;
}

}  // namespace ringproxy::test
