#pragma once
// Seals the reports of a run: a manifest of all of them and of the run's artifacts, signed with the station's
// key, and a checkpoint of the record where this station has recorded it. Beside the reports lie then
//
//   manifest.json       what is sealed (seal/manifest.h)
//   manifest.sig        the signature over its DSSE bytes, 64 bytes
//   manifest.dsse.json  both in one envelope, for programs
//   station.pub.pem     the key that fits; whose it is says only the station's owner
//   review-N.json, .sig, allowed_signers   what people have signed, where they have
//   SHA256SUMS, VERIFY.txt   for who has no Kiln: coreutils and OpenSSL are enough
//
// Blocking.

#include <cstdint>
#include <string>
#include <vector>

#include "base/ed25519.h"
#include "base/result.h"
#include "common/report_format.h"
#include "store/run_view.h"

namespace kiln {

/// A manifest names every file and artifact of a run: more is none.
inline constexpr std::uint64_t kMostManifestBytes = 64U << 20U;

/// `names`: of the files in `directory` that were written now. Reports that lie there from before and are
/// whole by the manifest that the same key has signed of the same run stay in it, unless somebody has
/// reviewed the run since: those would tell of another sign-off.
Status seal_reports(const SigningKey& key, const RunView& view, const ReportInput& input,
                    const std::string& directory, const std::vector<std::string>& names);

}  // namespace kiln
