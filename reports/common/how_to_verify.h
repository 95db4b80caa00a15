#pragma once
// How somebody without Kiln finds out whether the reports of a run are what a station has signed. The same
// words in every report and in VERIFY.txt beside them. Pure.

#include <string>
#include <vector>

#include "model/sign_off.h"

namespace kiln {

/// One question with the commands that answer it, as they are typed in the folder of the reports.
struct VerifyStep {
  std::string question;
  std::vector<std::string> commands;
};

/// `key_id`: of the station's key. OpenSSL 3 and coreutils are enough; for what people have signed,
/// ssh-keygen of OpenSSH 8.9 or later. Only reviews whose signature holds are named.
std::vector<VerifyStep> how_to_verify(const std::string& key_id, const std::vector<ReviewEntry>& reviews);

/// All of it as text; lines of commands are indented.
std::string verify_text(const std::string& key_id, const std::vector<ReviewEntry>& reviews);

/// What one person has signed, and the signature, beside the reports: "review-3.json", "review-3.sig".
std::string review_statement_file(const ReviewEntry& entry);
std::string review_signature_file(const ReviewEntry& entry);
inline constexpr const char* kSignersBesideReports = "allowed_signers";

}  // namespace kiln
