#include "common/how_to_verify.h"

#include <fmt/format.h>

#include "seal/manifest.h"

namespace kiln {

std::vector<VerifyStep> how_to_verify(const std::string& key_id) {
  return {
      {fmt::format("Whose key is it? This prints {}, and the station's owner tells the same by another way.",
                   key_id),
       {"openssl pkey -pubin -in station.pub.pem -outform DER | sha256sum"}},
      {"Has that key signed the manifest? It says: Signature Verified Successfully.",
       {fmt::format(
            "{{ printf 'DSSEv1 {} {} %d ' \"$(wc -c < manifest.json)\"; cat manifest.json; }} > manifest.pae",
            kManifestType.size(), kManifestType),
        "openssl pkeyutl -verify -pubin -inkey station.pub.pem -rawin -in manifest.pae -sigfile "
        "manifest.sig"}},
      {"Are the files those of the manifest? Each is OK, and the second command prints a line.",
       {"sha256sum -c SHA256SUMS", "grep -o \"$(sha256sum < SHA256SUMS | cut -c 1-64)\" manifest.json"}}};
}

std::string verify_text(const std::string& key_id) {
  std::string text =
      "How to check these reports without Kiln, in the folder they were written to (OpenSSL 3, coreutils):\n";
  int number = 0;
  for (const VerifyStep& step : how_to_verify(key_id)) {
    text += fmt::format("{}. {}\n", ++number, step.question);
    for (const std::string& command : step.commands) text += "   " + command + "\n";
  }
  text +=
      "With Kiln: kiln verify FOLDER --station-key station.pub.pem, once the key is known to be the "
      "station's.\n";
  return text;
}

}  // namespace kiln
