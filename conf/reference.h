// conf/reference.h – What the option table says, for people (Markdown) and for editors (JSON schema).
//
// Purpose: --print-reference, whose output is conf/reference.md, and --print-schema.
// Threads: pure.
#pragma once

#include <string>

namespace ringproxy::conf {

// One table for each section, in the order of the file.
std::string ReferencePage();

// JSON Schema, draft 7, of a configuration file; YAML editors complete and check with it.
std::string JsonSchema();

}  // namespace ringproxy::conf
