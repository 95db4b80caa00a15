#pragma once
// A Redfish service written as text, so that seeds can be read and a mutator's splices stay services:
//
//   letters that the target reads for itself
//   %% 200 /redfish/v1/Systems | ETag: "1"
//   {"Members": []}
//   %% 202 POST /redfish/v1/UpdateService/push | Location: /redfish/v1/TaskService/Tasks/1
//   %% 200 *
//
// Several answers of one address are given in turn, the last one again and again; those of "*" to whoever has
// none. A status below 100 is no answer: 0 connection lost, 1 timeout, 2 untrusted, 3 body too large. Any
// text is a service. Loop thread only.

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/http.h"

namespace kiln {

class ServiceText {
 public:
  /// What stands before the first "%%".
  std::string heading;
  /// Every request so far, with its absolute URL.
  std::vector<std::string> urls;

  /// Later texts lie over earlier ones: an address they name is theirs.
  void lay(const std::string& text);
  /// A client of this service, which must outlive it.
  std::unique_ptr<HttpClient> client();
  Result<HttpResponse> answer(const HttpRequest& request);

 private:
  struct Answers {
    std::vector<HttpResponse> in_turn;
    std::size_t next = 0;
  };
  Result<HttpResponse> next_of(Answers& answers) const;
  std::map<std::string, Answers> answers_;  ///< by "GET /redfish/v1", without trailing slash
};

/// How every URL here begins.
inline const std::string kFuzzedBmc = "https://bmc.test";
/// Time that an exchange takes.
inline constexpr Nanoseconds kExchange{20'000'000};

}  // namespace kiln
