// What stations and people sign, as it comes from elsewhere with a bundle: whatever bytes come, each reader
// refuses them or reads something that it writes in a form that reads as the same, and no name in it leads
// out of its folder.
#include "seal/statements.h"

#include "ci/fuzz_targets/fuzz_target.h"
#include "seal/dsse.h"
#include "seal/manifest.h"

namespace kiln {
namespace {

template <class Value>
void settles(const Result<Value>& read, Result<Value> (*again)(std::string_view), const std::string& what) {
  if (!read) {
    require(!read.error().code.empty() && !read.error().message.empty(), "an Error says what is wrong");
    return;
  }
  const std::string written = to_json(*read);
  const Result<Value> once_more = again(written);
  require(once_more && to_json(*once_more) == written, what + " is read as it was written");
}

}  // namespace

void fuzz_one(const std::string& input) {
  settles(read_envelope(input), &read_envelope, "an envelope");
  settles(read_manifest(input), &read_manifest, "a manifest");
  settles(read_checkpoint(input), &read_checkpoint, "a checkpoint");
  settles(read_review_statement(input), &read_review_statement, "a person's statement");
  settles(read_approval_statement(input), &read_approval_statement, "an approval");
  settles(read_audit_attestation(input), &read_audit_attestation, "a station's word");
  const Result<BundleManifest> bundle = read_bundle_manifest(input);
  settles(bundle, &read_bundle_manifest, "a bundle's manifest");
  if (!bundle) return;
  for (const BundleManifest::File& file : bundle->files)
    require(!file.name.empty() && file.name.find('/') == std::string::npos && file.name.front() != '.',
            "a name stays in its folder");
  for (const BundledRun& run : bundle->runs)
    require(!run.run.empty() && run.run.find('/') == std::string::npos && run.run.front() != '.',
            "a run's id stays in its folder");
}

}  // namespace kiln
