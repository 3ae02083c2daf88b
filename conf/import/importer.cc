#include "conf/import/importer.h"

#include <algorithm>

#include "conf/import/draft.h"
#include "conf/import/formats.h"
#include "conf/import/predixy_lines.h"
#include "conf/parse.h"
#include "conf/read_file.h"

namespace ringproxy::conf {

namespace {

Errors ErrorOfFile(const std::string& file, std::string message) {
  return {{file, 0, 0, "", std::move(message)}};
}

std::string_view ProgramOf(ImportFormat format) {
  switch (format) {
    case ImportFormat::kNutcracker: return "a configuration of twemproxy (nutcracker)";
    case ImportFormat::kMcrouter: return "a configuration of mcrouter";
    case ImportFormat::kPredixy: return "a configuration of predixy";
    case ImportFormat::kEnvoy: return "a configuration of Envoy";
  }
  return "";
}

// The first character that is no blank and in no comment.
bool IsJson(std::string_view text) {
  const std::string bare = WithoutJsonComments(text);
  const size_t first = bare.find_first_not_of(" \t\r\n");
  return first != std::string::npos && bare[first] == '{';
}

// By what stands at the top.
std::optional<ImportFormat> FormatOf(const TreeValue& root) {
  const auto has = [&root](std::initializer_list<std::string_view> keys) {
    return std::ranges::any_of(keys, [&](std::string_view key) { return root.Find(key) != nullptr; });
  };
  if (has({"static_resources", "staticResources", "dynamic_resources", "dynamicResources"}))
    return ImportFormat::kEnvoy;
  if (has({"route", "routes", "named_handles"})) return ImportFormat::kMcrouter;
  const bool has_pools = root.kind == TreeKind::kMap && std::ranges::any_of(root.values, [](const TreeValue& pool) {
                           return pool.Find("servers") != nullptr || pool.Find("listen") != nullptr;
                         });
  if (has_pools) return ImportFormat::kNutcracker;
  return std::nullopt;
}

}  // namespace

std::string WithoutJsonComments(std::string_view text) {
  std::string bare(text);
  bool quoted = false;
  for (size_t i = 0; i < bare.size(); ++i) {
    if (quoted) {
      if (bare[i] == '\\')
        ++i;
      else if (bare[i] == '"')
        quoted = false;
      continue;
    }
    quoted = bare[i] == '"';
    const bool is_line = bare.compare(i, 2, "//") == 0;
    const bool is_block = bare.compare(i, 2, "/*") == 0;
    if (!is_line && !is_block) continue;
    const size_t found = is_line ? bare.find('\n', i) : bare.find("*/", i + 2);
    const size_t end = found == std::string::npos ? bare.size() : found + (is_line ? 0 : 2);
    // Lines and columns stay what they are.
    for (; i < end; ++i) {
      if (bare[i] != '\n') bare[i] = ' ';
    }
    --i;
  }
  return bare;
}

Result<std::string> ImportText(std::string_view text, const std::string& file, std::optional<ImportFormat> format) {
  if (text.size() > kMostConfigBytes) {
    return ErrorOfFile(file, "is longer than a configuration may be, " + std::to_string(kMostConfigBytes) + " bytes");
  }
  if (!format && LooksLikePredixy(text)) format = ImportFormat::kPredixy;
  TreeValue root;
  if (format != ImportFormat::kPredixy) {
    Result<TreeValue> tree = ParseTree(IsJson(text) ? WithoutJsonComments(text) : std::string(text), file);
    if (!tree) return tree.errors();
    root = std::move(tree).value();
    if (!format) format = FormatOf(root);
  }
  if (!format) {
    return ErrorOfFile(
        file,
        "is not known as a configuration of twemproxy, mcrouter, predixy or Envoy; --import-format says whose "
        "it is");
  }
  Draft draft(file, std::string(ProgramOf(*format)));
  switch (*format) {
    case ImportFormat::kNutcracker: ImportNutcracker(root, draft); break;
    case ImportFormat::kMcrouter: ImportMcrouter(root, draft); break;
    case ImportFormat::kPredixy: ImportPredixy(ReadPredixyLines(text, file, draft), draft); break;
    case ImportFormat::kEnvoy: ImportEnvoy(root, draft); break;
  }
  return draft.Finish();
}

Result<std::string> ImportFile(const std::string& file, std::optional<ImportFormat> format) {
  // It reads one byte more than is allowed, so that a file that is too long shows it.
  const Result<std::string, Problem> text = ReadFileStart(file, kMostConfigBytes + 1);
  if (!text) return ErrorOfFile(file, text.errors().text);
  return ImportText(*text, file, format);
}

}  // namespace ringproxy::conf
