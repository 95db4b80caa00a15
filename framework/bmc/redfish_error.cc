#include "bmc/redfish_error.h"

#include <fmt/format.h>

namespace kiln {
namespace {

std::string first_word(const JsonView& object, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const std::optional<std::string> text = object[name].word();
    if (text && !text->empty()) return *text;
  }
  return {};
}

}  // namespace

std::optional<RedfishRefusal> refusal_of(const JsonView& body) {
  if (body.is_string()) return RedfishRefusal{"", body.word().value_or(std::string{})};
  const JsonView error = body["error"].exists() ? body["error"] : body["Error"];
  if (error.is_object()) {
    RedfishRefusal refusal{first_word(error, {"code", "Code"}), first_word(error, {"message", "Message"})};
    const std::vector<JsonView> details = error["@Message.ExtendedInfo"].elements();
    if (!details.empty()) {
      const std::string id = first_word(details.front(), {"MessageId", "MessageID"});
      const std::string message = first_word(details.front(), {"Message"});
      if (!id.empty()) refusal.code = id;
      if (!message.empty()) refusal.message = message;
    }
    return refusal;
  }
  if (error.is_string()) return RedfishRefusal{"", error.word().value_or(std::string{})};
  // {"Status":400,"Message":"…"}: no Redfish, but an answer. A resource's Status is an object.
  if (body["Status"].is_number() && body["Message"].is_string()) {
    return RedfishRefusal{"", body["Message"].word().value_or(std::string{})};
  }
  return std::nullopt;
}

bool is_nothing_but_error(const JsonView& body) {
  if (!body.is_object()) return false;
  // Most bodies have no such member; to look at each of theirs costs more than to parse them.
  if (!body["error"].exists() && !body["Error"].exists())
    return body["Status"].is_number() && body["Message"].is_string() && !body["@odata.id"].exists();
  bool error = false;
  for (const auto& [name, value] : body.members()) {
    if (name == "error" || name == "Error") {
      error = true;
    } else if (!name.starts_with('@')) {
      return body["Status"].is_number() && body["Message"].is_string() && !body["@odata.id"].exists();
    }
  }
  return error;
}

bool looks_like_resource(const JsonView& body) {
  if (!body.is_object() || is_nothing_but_error(body)) return false;
  if (body["@odata.id"].exists() || body["@odata.type"].exists() || body["Id"].exists()) return true;
  return body["Members"].exists();
}

bool is_exchange_error(const Error& error) {
  return error.code == "bmc.unreachable" || error.code == "bmc.untrusted" || error.code == "bmc.login" ||
         error.code == "bmc.sessions_full" || error.code == "bmc.busy" || error.code.starts_with("ctx.") ||
         error.code.starts_with("jump.");
}

bool is_unreachable(const Error& error) {
  return error.code == "bmc.unreachable" || error.code == "jump.no_connection" ||
         error.code == "jump.closed" || error.code == "jump.lost";
}

Error error_for_status(int status, const std::string& method, const std::string& uri,
                       const std::optional<RedfishRefusal>& refusal) {
  std::string said;
  if (refusal && !refusal->message.empty()) said = fmt::format(": {}", refusal->message);
  if (refusal && !refusal->code.empty()) said += fmt::format(" [{}]", refusal->code);
  std::string message = fmt::format("{} {} answered {}{}", method, uri, status, said);
  switch (status) {
    case 401:
      return {"bmc.login", std::move(message), "Check the BMC's user and password in the credentials file."};
    case 403:
      return {"bmc.forbidden", std::move(message),
              "Give the BMC account the privilege this needs (Operator or Administrator)."};
    case 404:
    case 410:
      return {"bmc.not_found", std::move(message)};
    case 429:
    case 502:
    case 503:
    case 504:
      return {"bmc.busy", std::move(message),
              "Wait until the BMC answers again; if it never does, reset it."};
    default:
      return {"bmc.refused", std::move(message)};
  }
}

Error error_for_transport(const Error& transport, const std::string& uri) {
  // The hops to it keep their names: what to do about them is another thing than about the BMC.
  if (transport.code.starts_with("ctx.") || transport.code.starts_with("jump.")) return transport;
  Error error = transport;
  if (transport.code == "http.tls_untrusted") {
    error.code = "bmc.untrusted";
    if (error.action.empty()) {
      error.action =
          "Compare the BMC's certificate with the pin or CA in the inventory; change it only if you know "
          "why.";
    }
  } else if (transport.code == "http.body_too_large") {
    error.code = "bmc.body_too_large";
    if (error.action.empty())
      error.action = "No resource is that large: reset the BMC; if it stays so, its firmware is at fault.";
  } else {
    error.code = "bmc.unreachable";
    if (error.action.empty()) error.action = "Check power, cable and address of the BMC.";
  }
  error.message = fmt::format("{} ({})", transport.message, uri);
  return error;
}

}  // namespace kiln
