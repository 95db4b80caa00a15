#pragma once
// Sign-off: what people have signed of a run, and what that comes to. One pure function, the same for the
// screen, the reports and the seal. Whether a signature holds was found out before (station/reviews.h): an
// entry whose signature does not hold counts for nothing and is shown.
//
//   not eligible (simulated, not approved, no operator, …)            → not-eligible, whatever was signed
//   a rejection that was not withdrawn                                → rejected
//   what it rests on was changed since                                → unsigned
//   approved as what it is now, and by a second person where a rack   → signed
//   else                                                              → unsigned
//
// Nobody signs twice, the operator signs nothing, and two names with one key are one person. Any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/verdict.h"
#include "model/waiver.h"

namespace kiln {

enum class ReviewAct { approve, countersign, reject, waive, withdraw };
std::string_view to_string(ReviewAct act);  ///< "approve", …
std::optional<ReviewAct> review_act_from(std::string_view word);

/// One entry of the audit trail about a run.
struct ReviewEntry {
  std::int64_t number = 0;  ///< in the audit trail of the record, from 1
  int trail = 0;            ///< 0: this record's; more: one that came with an imported run
  std::string station;      ///< host name of whose trail came; two may have the same
  ReviewAct act = ReviewAct::approve;
  std::string signer;         ///< who signed, as the file of allowed signers names them
  std::string key;            ///< fingerprint of their key, "SHA256:…"; empty: the signature does not hold
  std::string operator_name;  ///< who ran it, as the statement says
  std::string decision;       ///< what the run was when it was signed: "GO"
  std::string reason;         ///< in their words
  std::optional<Waiver> waiver;      ///< of a waive
  std::int64_t withdraws = 0;        ///< of a withdraw: which entry
  std::int64_t recorded_utc_ns = 0;  ///< by the station's clock
  std::string statement, signature;  ///< what was signed, byte for byte, and the signature in OpenSSH's form
  std::string invalid_because;       ///< empty: signature, key and trust hold
};

/// Everything people have said about one run, as far as it could be read and checked.
struct RunReviews {
  std::vector<ReviewEntry> entries;        ///< in order, those that do not hold too
  std::vector<std::string> changed_since;  ///< what a signature rests on and is no more
  std::vector<std::string> problems;       ///< of the trail itself: it was cut, changed, cannot be read
  std::int64_t now_utc_ns = 0;             ///< when it was looked at: waivers expire
};

struct SignOff {
  std::string state = "unsigned";    ///< unsigned | signed | rejected | not-eligible
  std::vector<std::string> because;  ///< why it is what it is: who signed, or what is missing
};

/// "waive C01:nic.slow:NIC_1 by qa@site: spare on its way (evidence: ticket 17; requested by ops@site; until
/// …)".
std::string review_sentence(const ReviewEntry& entry);

/// "3", "3 of st-04".
std::string review_number(const ReviewEntry& entry);

/// Whether two names may mean one person: compared without case and signs, by what stands before '@', and
/// where all words of one are in the other. Leans to yes: two people who share a name must be told apart by
/// their names.
bool same_person(std::string_view one, std::string_view other);

/// Two people sign a rack: a run over more than one DUT.
bool needs_second_person(const RunVerdict& verdict);

/// Waivers that hold: signed, not withdrawn, not expired at `now_utc_ns`, on what may be waived, and not by
/// whom asked for it or ran it.
std::vector<Waiver> waivers_in_force(const std::vector<ReviewEntry>& entries, std::int64_t now_utc_ns);

/// `verdict` with the waivers in force applied. `changed_since`: what a signature rests on and is no more.
SignOff sign_off_of(const RunVerdict& verdict, const std::string& operator_name,
                    const std::vector<ReviewEntry>& entries, const std::vector<std::string>& changed_since);

/// Puts that into the verdict: sign_off and sign_off_because.
void put_sign_off(RunVerdict& verdict, const std::string& operator_name, const RunReviews& reviews);

/// Why `signer` may not do this now; nullopt: they may. `key` may be empty: not known yet.
std::optional<std::string> why_not(ReviewAct act, const std::string& signer, const std::string& key,
                                   const RunVerdict& verdict, const std::string& operator_name,
                                   const std::vector<ReviewEntry>& entries);
/// Why this cannot be waived: there is no such failure, or nobody may. Names the nearest failure.
std::optional<std::string> why_not_waived(const Waiver& waiver, const RunVerdict& verdict,
                                          const std::string& operator_name, std::int64_t now_utc_ns);

}  // namespace kiln
