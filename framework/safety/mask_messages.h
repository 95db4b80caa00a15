#pragma once
// The reports of a masked detector and of a planned silence as the fields of a message between warden and
// station. Private to safety/.

#include <boost/json.hpp>

#include "safety/message_fields.h"
#include "safety/trip.h"

namespace kiln::detail {

json::object json_of(const MaskReport& report);
MaskReport read_mask_report(Fields& fields);
json::object json_of(const SilenceReport& report);
SilenceReport read_silence_report(Fields& fields);

}  // namespace kiln::detail
