#pragma once
// The file of a static population (model/population.h): written by kiln population, approved by whoever
// owns the limits, read where a run is set against it. Floor 2; blocks on the disk; any thread. The grammar
// is described for editors in recipes/population.schema.json and for people in docs/population.md.

#include <string>

#include "files/problem.h"
#include "model/population.h"

namespace kiln {

/// Problems: those of the file and of YAML, and population.name, population.measurement, population.unit,
/// population.too_few, population.number, population.duplicate, population.empty.
Parsed<Population> read_population(const std::string& path);
/// The same from text; `file` names it in messages. The population's name must be the file's without ".yaml".
Parsed<Population> parse_population(const std::string& text, const std::string& file);

/// What parse_population() reads back.
std::string population_text(const Population& population);

/// The name that a file gives its population: "P-7" of "/somewhere/P-7.yaml".
std::string population_name_of(const std::string& file);

}  // namespace kiln
