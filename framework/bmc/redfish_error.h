#pragma once
// What a Redfish service says when it refuses (DSP0266 8.6: the "error" object with @Message.ExtendedInfo),
// and the Errors of this floor. Two groups matter to every caller:
//   exchange errors: nobody answered, or the station may not ask (bmc.unreachable, bmc.untrusted, bmc.login,
//   bmc.busy,
//                    jump.*, ctx.*): nothing is known about the resource;
//   answers:         bmc.not_found, bmc.error_body, bmc.refused, bmc.forbidden, bmc.not_json, bmc.no_content,
//   bmc.body_too_large, bmc.redirect,
//                    bmc.bad_link: the BMC is there and this one resource could not be had.
// Pure.

#include <optional>
#include <string>

#include "base/error.h"
#include "bmc/json_view.h"

namespace kiln {

struct RedfishRefusal {
  std::string
      code;  ///< MessageId of the first extended message, else error.code: "Base.1.15.0.InternalError"
  std::string message;  ///< one sentence; empty when the BMC gave none
};

/// The error of a body, in any of its dialects; nullopt when there is none.
std::optional<RedfishRefusal> refusal_of(const JsonView& body);
/// True when a body is an error and nothing else: no member but "error" and annotations.
bool is_nothing_but_error(const JsonView& body);
/// True for a JSON object with content of its own: what a resource looks like.
bool looks_like_resource(const JsonView& body);

/// True for the first group above.
bool is_exchange_error(const Error& error);
/// Nobody answered: no connection, or one that broke, whether straight or on from a jump host
/// (bmc.unreachable, jump.no_connection, jump.closed, jump.lost). Such an exchange may have reached the BMC.
bool is_unreachable(const Error& error);

/// The Error for a status that is no success. `refusal` may be empty.
Error error_for_status(int status, const std::string& method, const std::string& uri,
                       const std::optional<RedfishRefusal>& refusal);
/// The Error of this floor for one of the HTTP client's.
Error error_for_transport(const Error& transport, const std::string& uri);

}  // namespace kiln
