#pragma once
// A service of one dialect, from plugins/dialects/<name>/mockup/service.json: "resources" by address;
// "answers" by "METHOD address" with status, headers and body; "login": headers of its login beside the
// token; "expanded_as_null": properties that are lost in what it expands. Resets switch what they belong to.

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "bmc/mock_service_for_test.h"

namespace kiln {

class MockupService {
 public:
  /// Throws on a file that cannot be read: a test without its mockup is no test.
  explicit MockupService(const std::string& file);
  std::unique_ptr<Bmc> bmc(Dialects dialects);
  MockService service;

 private:
  HttpResponse expanded(const std::string& path);
  std::optional<HttpResponse> answer(const HttpRequest& request, const std::string& path);
  void reset(const std::string& path, const std::string& body);
  boost::json::object answers_;
  std::vector<std::string> lost_;
  HttpHeaders login_headers_;
};

boost::json::object read_json_file(const std::string& file);

}  // namespace kiln
