#pragma once
// A captured Redfish tree served as it is: read-only, bytes untouched, behind HTTPS and a login.
//
// Three layouts are understood:
//   DIR/redfish/v1/.../index.json     one folder per URI, with the address in the folders' names
//   DIR/.../index.json                the same without the leading redfish/v1 (DMTF mockups)
//   DIR/_redfish_v1_....json          one flat file per URI; the address is in @odata.id, else in the name
//
// In the first two a headers.json beside the file says how it was answered, as DMTF's Redfish-Mockup-Creator
// and `kiln capture` write it: {"GET":{name:value,…}}, the latter also "status", and "uri" where the folder's
// name is not the address. Of the headers those are sent that belong to the resource and not to the exchange.
//
// A query that was captured is answered with what was captured for it, any other as if it were not there.
// Thread: the rack's loop.

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "tests_hw/virtual_rack/http_message.h"
#include "tests_hw/virtual_rack/redfish/sessions.h"
#include "tests_hw/virtual_rack/request_log.h"

namespace kiln::virtual_rack {

/// How an address was answered when it was captured.
struct MockupAnswer {
  unsigned status = 200;
  HttpHeaders headers;
};

class MockupTree {
 public:
  /// Errors: mockup.unreadable, mockup.no-root (no service root in any layout; says what was looked for).
  static Result<MockupTree> open(const std::filesystem::path& directory);

  /// The file behind a URI (no trailing slash); none when nothing was captured there.
  [[nodiscard]] std::optional<std::filesystem::path> file(const std::string& uri) const;
  [[nodiscard]] const std::map<std::string, std::filesystem::path>& files() const { return files_; }
  /// None where no headers.json lies beside the file.
  [[nodiscard]] const MockupAnswer* answer(const std::string& uri) const;
  /// "folders", "folders without prefix" or "flat".
  [[nodiscard]] const std::string& layout() const { return layout_; }
  /// Where the tree says sessions are made: Links.Sessions of its root, else the standard address.
  [[nodiscard]] const std::string& sessions_uri() const { return sessions_uri_; }

 private:
  void add_folder(const std::string& uri, const std::filesystem::path& path);

  std::map<std::string, std::filesystem::path> files_;
  std::map<std::string, MockupAnswer> answers_;
  std::string layout_;
  std::string sessions_uri_;
};

/// The BMC in front of a tree.
class MockupBmc {
 public:
  MockupBmc(MockupTree tree, std::string dut, Account account, RequestLog& log);

  [[nodiscard]] HttpResponse handle(const HttpRequest& request);
  [[nodiscard]] const MockupTree& tree() const { return tree_; }

 private:
  HttpResponse answer(const HttpRequest& request);
  HttpResponse log_in(const HttpRequest& request);

  MockupTree tree_;
  std::string dut_;
  Sessions sessions_;
  RequestLog& log_;
};

}  // namespace kiln::virtual_rack
