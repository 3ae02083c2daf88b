#include "conf/validate_commands.h"

#include <algorithm>
#include <cstdlib>

#include "conf/command_option_table.h"
#include "conf/quote.h"
#include "conf/rule_parts.h"
#include "conf/values.h"

namespace ringproxy::conf {

namespace {

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

void CheckCommandName(const CustomCommand& command, const std::string& path, Seen& seen, Source& source) {
  if (!source.Sound({path + ".name"})) return;
  if (!std::ranges::all_of(command.name, IsNameCharacter)) {
    return source.Fail(path + ".name", Quote(command.name) +
                                           " is no command's name: it may have lower case letters, "
                                           "digits and the signs . _ -");
  }
  CheckUnique(command.name, path + ".name", "the command", seen, source);
}

// The least place behind which a request may end. `position` below zero is one from the end.
bool Exists(int position, int least_words) {
  return position < 0 ? least_words + position > 0 : position < least_words;
}

void CheckKeys(const CustomCommand& command, const std::string& path, Source& source) {
  const CommandKeys& keys = command.keys;
  const std::string here = path + ".keys";
  if (keys == CommandKeys{} || !source.Sound({here, here + ".first", here + ".last", here + ".count_at"})) return;
  if ((keys.first == 0) == (keys.count_at == 0)) {
    return source.Fail(here, "says either where the first key stands, or count_at");
  }
  if (keys.count_at > 0 && keys.last != SignedNumber{}) return source.Fail(here + ".last", "goes with first only");
  if (keys.last.value > 0 && static_cast<uint32_t>(keys.last.value) < keys.first) {
    return source.Fail(here + ".last",
                       std::to_string(keys.last.value) + " is below first, " + std::to_string(keys.first));
  }
  const auto first = static_cast<int>(std::max(keys.first, keys.count_at));
  const int least_words = std::abs(command.arity.value);
  if (source.Sound({path + ".arity"}) && (!Exists(first, least_words) || !Exists(keys.last.value, least_words))) {
    return source.Fail(here,
                       "stand where a request of arity " + std::to_string(command.arity.value) + " need have nothing");
  }
  if (keys.last.value < 0 && least_words + keys.last.value < first && source.Sound({path + ".arity"})) {
    source.Fail(here + ".last", std::to_string(keys.last.value) + " is before first, " + std::to_string(first) +
                                    ", in a request of " + std::to_string(least_words) + " words");
  }
}

bool GoesToSeveral(CommandHandling handling) {
  return handling == CommandHandling::kSplit || handling == CommandHandling::kAllNodes;
}

void CheckHandling(const CustomCommand& command, const std::string& path, Source& source) {
  if (!source.Sound({path + ".handling", path + ".keys", path + ".merge"})) return;
  const std::string handling = "handling: " + std::string(NameOf(command.handling));
  const bool has_keys = command.keys != CommandKeys{};
  const bool by_key = command.handling == CommandHandling::kForward || command.handling == CommandHandling::kSplit;
  if (by_key && !has_keys) {
    return source.Fail(path + ".keys", "are needed with " + handling + "; without keys it is all_nodes or any_node");
  }
  if (!by_key && has_keys && command.handling != CommandHandling::kRefuse) {
    return source.Fail(path + ".keys", "do not go with " + handling);
  }
  if (command.handling == CommandHandling::kSplit && command.keys.count_at > 0) {
    return source.Fail(path + ".keys.count_at", "does not go with " + handling);
  }
  if (GoesToSeveral(command.handling) && command.merge == CommandMerge::kNone) {
    return source.Fail(path + ".merge", "is needed with " + handling);
  }
  if (!GoesToSeveral(command.handling) && command.merge != CommandMerge::kNone) {
    return source.Fail(path + ".merge", "goes with handling: split or all_nodes only");
  }
  if (command.handling == CommandHandling::kAllNodes && command.merge == CommandMerge::kInKeyOrder) {
    source.Fail(path + ".merge", "in_key_order goes with handling: split only");
  }
}

}  // namespace

void ValidateCommands(const Config& config, Source& source) {
  Seen seen;
  for (size_t i = 0; i < config.commands.size(); ++i) {
    const CustomCommand& command = config.commands[i];
    const std::string path = Index("commands", i);
    CheckCommandName(command, path, seen, source);
    if (command.arity.value == 0 && source.Sound({path, path + ".arity"})) {
      source.Fail(path + ".arity", "0 is no number of words: the name is one");
    }
    CheckKeys(command, path, source);
    CheckHandling(command, path, source);
  }
}

}  // namespace ringproxy::conf
