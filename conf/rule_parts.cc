#include "conf/rule_parts.h"

#include <algorithm>
#include <vector>

#include "conf/cidr.h"
#include "conf/quote.h"
#include "conf/units.h"

namespace ringproxy::conf {

namespace {

template <class T>
const T* Find(const std::vector<T>& list, const std::string& name) {
  const auto found = std::ranges::find(list, name, &T::name);
  return found == list.end() ? nullptr : &*found;
}

template <class T>
std::string NoSuch(std::string_view what, const std::vector<T>& list, const std::string& name) {
  std::vector<std::string_view> names;
  for (const T& known : list) names.push_back(known.name);
  const std::string_view nearest = Nearest(name, names);
  const std::string hint = nearest.empty() ? "" : "; the nearest known one is " + std::string(nearest);
  return "no " + std::string(what) + " is called " + Quote(name) + hint;
}

}  // namespace

std::string Index(const std::string& list, size_t index) {
  return list + "[" + std::to_string(index) + "]";
}

void CheckUnique(const std::string& value, const std::string& path, std::string_view what, Seen& seen, Source& source) {
  // A value that could not be read has kept its default, which others may share.
  if (!source.Sound({path})) return;
  const auto [first, is_new] = seen.emplace(value, path);
  if (!is_new) source.Fail(path, std::string(what) + " " + Quote(value) + " is taken by " + first->second);
}

const Pool* FindPool(const Config& config, const std::string& name) {
  return Find(config.pools, name);
}
const Listener* FindListener(const Config& config, const std::string& name) {
  return Find(config.listeners, name);
}

std::string NoPool(const Config& config, const std::string& name) {
  return NoSuch("pool", config.pools, name);
}
std::string NoListener(const Config& config, const std::string& name) {
  return NoSuch("listener", config.listeners, name);
}

std::string WordPath(const std::string& path, size_t index, const Source& source) {
  const std::string here = Index(path, index);
  return source.Has(here) ? here : path;
}

void CheckNetworks(const Words& words, const std::string& path, Source& source) {
  CheckWords(words, path, source, [](const std::string& word) -> std::optional<Problem> {
    const Result<Cidr, Problem> cidr = ParseCidr(word);
    return cidr.ok() ? std::nullopt : std::optional(cidr.errors());
  });
}

void CheckOrder(const std::string& path, std::string_view small, microseconds small_value, std::string_view large,
                microseconds large_value, Source& source) {
  const std::string here = path + "." + std::string(small);
  if (!source.Sound({here, path + "." + std::string(large)}) || small_value <= large_value) return;
  source.Fail(here,
              FormatDuration(small_value) + " is above " + std::string(large) + ", " + FormatDuration(large_value));
}

}  // namespace ringproxy::conf
