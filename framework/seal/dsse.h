#pragma once
// Dead Simple Signing Envelope (DSSE, protocol version 1, secure-systems-lab/dsse protocol.md): what is
// signed are the exact bytes of a payload together with its type, so that nothing has to be brought into a
// canonical form, and a signature over one kind of payload is none over another. Pure.

#include <string>
#include <string_view>

#include "base/ed25519.h"
#include "base/result.h"

namespace kiln {

/// "DSSEv1 LEN(type) type LEN(payload) payload": the bytes that are signed.
std::string dsse_signed_bytes(std::string_view payload_type, std::string_view payload);

struct Envelope {
  std::string payload_type;
  std::string payload;    ///< as it was signed, byte for byte
  std::string key_id;     ///< VerifyingKey::id() of who signed; a hint, not part of what is signed
  std::string signature;  ///< 64 bytes
};

/// Errors: "key.not_usable".
Result<Envelope> seal(const SigningKey& key, std::string payload_type, std::string payload);
/// Whether `key` has signed it, as a payload of that type.
bool holds(const Envelope& envelope, const VerifyingKey& key, std::string_view payload_type);

/// The JSON form: payload and signature in base64, one signature.
std::string to_json(const Envelope& envelope);
/// Errors: "seal.no_envelope", naming the field.
Result<Envelope> read_envelope(std::string_view text);

}  // namespace kiln
