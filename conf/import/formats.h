// conf/import/formats.h – The importers, one for each program; importer.h chooses among them.
#pragma once

#include "conf/import/draft.h"

namespace ringproxy::conf {

void ImportNutcracker(const TreeValue& root, Draft& draft);
void ImportMcrouter(const TreeValue& root, Draft& draft);
// Of the lines that predixy_lines has read.
void ImportPredixy(const TreeValue& root, Draft& draft);
void ImportEnvoy(const TreeValue& root, Draft& draft);

}  // namespace ringproxy::conf
