#include "conf/parse_yaml.h"

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>

#include <sstream>

#include "conf/quote.h"

namespace ringproxy::conf {

namespace {

// Listens only for where a document begins.
class DocumentStart : public YAML::EventHandler {
 public:
  Place place;

  void OnDocumentStart(const YAML::Mark& mark) override { place = PlaceOf(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

// YAML::Load ignores what follows the first document, be it a second one or a stray bracket. YAML::LoadAll is no help:
// a stray bracket makes it add empty documents until the memory is gone.
void RefuseMoreThanOneDocument(const std::string& text, Source& source) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentStart start;
  if (!parser.HandleNextDocument(start) || !parser.HandleNextDocument(start)) return;
  source.Fail("", start.place, "the configuration ends before this; it is one YAML document");
}

}  // namespace

Place PlaceOf(const YAML::Mark& mark) {
  return mark.is_null() ? Place{} : Place{mark.line + 1, mark.column + 1};
}

std::string_view WhatItIs(const YAML::Node& node) {
  if (node.IsMap()) return "a map";
  if (node.IsSequence()) return "a list";
  if (node.IsScalar()) return "a single value";
  return "empty";
}

std::optional<YAML::Node> LoadYaml(const std::string& text, Source& source) {
  try {
    RefuseMoreThanOneDocument(text, source);
    if (source.has_errors()) return std::nullopt;
    return YAML::Load(text);
  } catch (const YAML::DeepRecursion& error) {
    source.Fail("", PlaceOf(error.mark), "nested too deeply");
  } catch (const YAML::Exception& error) {
    // yaml-cpp reports a mistake in the text by exceptions alone, and none leaves this function.
    source.Fail("", PlaceOf(error.mark), "YAML: " + Printable(error.msg));
  }
  return std::nullopt;
}

}  // namespace ringproxy::conf
