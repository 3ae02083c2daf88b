// conf/import/envoy_clusters.h – The clusters of an Envoy configuration, as pools.
// Lifetime: while one file is imported. Threads: one.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "conf/import/draft.h"

namespace ringproxy::conf {

// The value of a field; its name may be written as in the documentation, op_timeout, or as opTimeout.
const TreeValue* Field(const TreeValue* message, std::string_view name);
// The values of a repeated field, of which a single one may stand without a list.
std::vector<const TreeValue*> Elements(const TreeValue* repeated);
// "5s", "0.25s" or {seconds: 5, nanos: 0}
std::optional<microseconds> ReadEnvoyDuration(Draft& draft, const TreeValue& value);
// {socket_address: {address: …, port_value: …}} or {pipe: {path: …}}
std::optional<Address> ReadEnvoyAddress(Draft& draft, const TreeValue& value);

class EnvoyClusters {
 public:
  // `clusters` is the file's list; null if it has none.
  EnvoyClusters(const TreeValue* clusters, Draft& draft) : said_(clusters), draft_(draft) {}

  // Ours for the cluster of this name, which becomes a pool when it is first asked for.
  std::optional<std::string> Called(const std::string& name, const TreeValue& where);
  // After all have been asked for.
  void CommentOnTheRest();

 private:
  void Import(const TreeValue& cluster, Pool& pool);
  void ImportEndpoints(const TreeValue& cluster, Pool& pool);
  void ImportEndpoint(const TreeValue& entry, Pool& pool);
  void ImportPolicy(const TreeValue& cluster, Pool& pool);
  void ImportHealthChecks(const TreeValue& checks, Pool& pool);
  void ImportLogin(const TreeValue& options, const Pool& pool);
  void ImportOption(const TreeValue& option, Pool& pool);

  const TreeValue* said_;
  Draft& draft_;
  std::map<std::string, std::string> names_;  // The file's name → ours.
};

}  // namespace ringproxy::conf
