#include "common/how_to_verify.h"

#include <fmt/format.h>

#include "base/time.h"
#include "seal/manifest.h"
#include "seal/statements.h"

namespace kiln {
namespace {

/// "review-3", or "review-3-of-st-04-1" by its trail: a host name of elsewhere becomes part of a file name
/// and of a command.
std::string file_stem(const ReviewEntry& entry) {
  std::string stem = fmt::format("review-{}", entry.number);
  if (entry.trail == 0) return stem;
  stem += "-of-";
  for (const char c : entry.station) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    stem += plain ? c : '_';
  }
  return stem + fmt::format("-{}", entry.trail);
}

}  // namespace

std::vector<VerifyStep> how_to_verify(const std::string& key_id, const std::vector<ReviewEntry>& reviews) {
  std::vector<VerifyStep> steps{
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
  VerifyStep people{
      "Who has signed it? Each says: Good signature. Whose keys these are, the site tells by another way; "
      "what was signed stands in the .json.",
      {}};
  for (const ReviewEntry& entry : reviews) {
    if (!entry.invalid_because.empty()) continue;
    std::string when;
    for (const char c : format_utc(entry.recorded_utc_ns).substr(0, 19)) {
      if (c >= '0' && c <= '9') when += c;
    }
    people.commands.push_back(fmt::format(
        "ssh-keygen -Y verify -f {} -I {} -n {} -s {} -O verify-time={}Z < {}", kSignersBesideReports,
        entry.signer, entry.act == ReviewAct::waive ? kWaivePurpose : kReviewPurpose,
        review_signature_file(entry), when, review_statement_file(entry)));
  }
  if (!people.commands.empty()) steps.push_back(std::move(people));
  return steps;
}

std::string review_statement_file(const ReviewEntry& entry) { return file_stem(entry) + ".json"; }
std::string review_signature_file(const ReviewEntry& entry) { return file_stem(entry) + ".sig"; }

std::string verify_text(const std::string& key_id, const std::vector<ReviewEntry>& reviews) {
  std::string text =
      "How to check these reports without Kiln, in the folder they were written to (OpenSSL 3, coreutils):\n";
  int number = 0;
  for (const VerifyStep& step : how_to_verify(key_id, reviews)) {
    text += fmt::format("{}. {}\n", ++number, step.question);
    for (const std::string& command : step.commands) text += "   " + command + "\n";
  }
  text +=
      "With Kiln: kiln verify FOLDER --station-key station.pub.pem, once the key is known to be the "
      "station's.\n";
  return text;
}

}  // namespace kiln
