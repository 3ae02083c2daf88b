#include "conf/import/importer.h"

#include "conf/import/draft.h"
#include "conf/import/formats.h"
#include "conf/parse.h"
#include "conf/read_file.h"

namespace ringproxy::conf {

namespace {

Errors ErrorOfFile(const std::string& file, std::string message) {
  return {{file, 0, 0, "", std::move(message)}};
}

}  // namespace

Result<std::string> ImportText(std::string_view text, const std::string& file, std::optional<ImportFormat>) {
  const Result<TreeValue> root = ParseTree(text, file);
  if (!root) return root.errors();
  Draft draft(file, "a configuration of twemproxy (nutcracker)");
  ImportNutcracker(*root, draft);
  return draft.Finish();
}

Result<std::string> ImportFile(const std::string& file, std::optional<ImportFormat> format) {
  // It reads one byte more than is allowed, so that a file that is too long shows it.
  const Result<std::string, Problem> text = ReadFileStart(file, kMostConfigBytes + 1);
  if (!text) return ErrorOfFile(file, text.errors().text);
  return ImportText(*text, file, format);
}

}  // namespace ringproxy::conf
