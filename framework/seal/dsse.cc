#include "seal/dsse.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <optional>
#include <utility>

#include "base/base64.h"

namespace kiln {
namespace {

namespace json = boost::json;

Error no_envelope(const std::string& what) {
  return {"seal.no_envelope", "this is no signed envelope (DSSE): " + what,
          "get the file again from where it was written", Blame::operator_};
}

std::optional<std::string> text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(value->as_string());
}

}  // namespace

std::string dsse_signed_bytes(std::string_view payload_type, std::string_view payload) {
  return fmt::format("DSSEv1 {} {} {} {}", payload_type.size(), payload_type, payload.size(), payload);
}

Result<Envelope> seal(const SigningKey& key, std::string payload_type, std::string payload) {
  Result<std::string> signature = key.sign(dsse_signed_bytes(payload_type, payload));
  if (!signature) return signature.error();
  return Envelope{std::move(payload_type), std::move(payload), key.verifying_key().id(),
                  std::move(*signature)};
}

bool holds(const Envelope& envelope, const VerifyingKey& key, std::string_view payload_type) {
  return envelope.payload_type == payload_type &&
         key.verifies(dsse_signed_bytes(envelope.payload_type, envelope.payload), envelope.signature);
}

std::string to_json(const Envelope& envelope) {
  json::object signature;
  signature["keyid"] = envelope.key_id;
  signature["sig"] = base64_of(envelope.signature);
  json::object root;
  root["payload"] = base64_of(envelope.payload);
  root["payloadType"] = envelope.payload_type;
  root["signatures"] = json::array{std::move(signature)};
  return json::serialize(root) + "\n";
}

Result<Envelope> read_envelope(std::string_view text) {
  boost::system::error_code failed;
  const json::value root = json::parse(text, failed);
  if (failed) return no_envelope("it is no JSON (" + failed.message() + ")");
  if (!root.is_object()) return no_envelope("it is no JSON object");
  const std::optional<std::string> payload = text_of(root.as_object(), "payload");
  const std::optional<std::string> type = text_of(root.as_object(), "payloadType");
  if (!payload) return no_envelope("payload is no text");
  if (!type) return no_envelope("payloadType is no text");
  const json::value* signatures = root.as_object().if_contains("signatures");
  if (signatures == nullptr || !signatures->is_array() || signatures->as_array().size() != 1 ||
      !signatures->as_array().front().is_object())
    return no_envelope("signatures is no list of one");
  const json::object& one = signatures->as_array().front().as_object();
  const std::optional<std::string> sig = text_of(one, "sig");
  std::optional<std::string> bytes = bytes_of_base64(*payload);
  if (!bytes) return no_envelope("payload is no base64");
  std::optional<std::string> signature = sig ? bytes_of_base64(*sig) : std::nullopt;
  if (!signature) return no_envelope("signatures[0].sig is no base64");
  return Envelope{*type, std::move(*bytes), text_of(one, "keyid").value_or(""), std::move(*signature)};
}

}  // namespace kiln
