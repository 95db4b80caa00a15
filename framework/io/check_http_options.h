#pragma once
// Whether a peer can be spoken to with these options at all, before anything is sent. Pure, but for a look at
// the CA file; any thread.

#include "base/result.h"
#include "io/http.h"

namespace kiln {

/// Errors: http.options, naming the option.
Status check_http_options(const HttpOptions& options);

}  // namespace kiln
