#pragma once
// One judged or informational value as an OCPTV measurement with the validators of its limit. Pure.

#include <boost/json.hpp>
#include <string>

#include "common/run_document.h"

namespace kiln {

/// {"measurement": …}. A value that is none (no answer, NaN, an integer that a double cannot hold) becomes a
/// word, since JSON has no NaN and the schema no null. Validators stand there only where a reader who works
/// them out comes to the same outcome as the record: readers fail a step on a validator that does not hold.
/// The limit's own words are in the metadata always.
boost::json::object ocptv_measurement(const DocumentMeasurement& entry, const std::string& hardware);

}  // namespace kiln
