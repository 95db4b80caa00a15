#pragma once
// What `kiln doctor --bmc` found, for people and for programs. Pure. Texts of a BMC may hold anything:
// whoever prints them to a terminal puts them through screen/printable.h.

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <vector>

#include "io/certificate.h"
#include "station/bmc_doctor.h"

namespace kiln {

/// How the BMC's certificate was judged.
struct TrustFacts {
  bool verified = true;
  bool first_seen = false;                     ///< taken on sight: a person has to compare it
  std::string sentence;                        ///< "its key is the one that the rack file pins"
  std::optional<PeerCertificate> certificate;  ///< nullopt: it could not be looked at by itself
};

struct BmcDiagnosis {
  Dut dut;  ///< the target; id empty: no rack file names it
  TrustFacts trust;
  BmcProof proof;
  std::vector<RecipeDiagnosis> recipes;

  /// False: something could not be read, so that the diagnosis is not whole.
  [[nodiscard]] bool all_read() const;
};

/// One sentence a line, in the order a person reads them. `all`: every place that was looked at, not the
/// first few of each.
std::vector<std::string> lines_of(const BmcDiagnosis& diagnosis, bool all);
boost::json::object json_of(const BmcDiagnosis& diagnosis);

}  // namespace kiln
