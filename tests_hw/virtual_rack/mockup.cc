#include "tests_hw/virtual_rack/mockup.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include "tests_hw/virtual_rack/rack_model.h"
#include "tests_hw/virtual_rack/redfish/reply.h"

namespace kiln::virtual_rack {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRootUri = "/redfish/v1";
constexpr std::string_view kStandardSessions = "/redfish/v1/SessionService/Sessions";

std::optional<std::string> read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string without_slash(std::string uri) {
  while (uri.size() > 1 && uri.back() == '/') uri.pop_back();
  return uri;
}

/// The text at object[name][inner]; empty when there is none.
std::string nested_text(const json::object& object, std::initializer_list<std::string_view> names) {
  const json::object* at = &object;
  for (const std::string_view name : names) {
    const json::value* next = at->if_contains(name);
    if (next == nullptr) return {};
    if (next->is_string()) return std::string(next->as_string());
    if (!next->is_object()) return {};
    at = &next->as_object();
  }
  return {};
}

/// What a server is asked for and a client acts on; the rest belongs to one exchange.
constexpr std::array<std::string_view, 7> kServedHeaders{
    "ETag", "Allow", "Link", "Location", "Retry-After", "Content-Type", "OData-Version"};

/// An address as a request for it arrives: the path decoded, the query as it is.
std::string as_requested(const std::string& uri) {
  HttpRequest request;
  if (!split_target(uri, request)) return without_slash(uri);
  return without_slash(request.path) + (request.query.empty() ? "" : "?" + request.query);
}

MockupAnswer answer_in(const json::object& said) {
  MockupAnswer answer;
  const json::value* status = said.if_contains("status");
  if (status != nullptr && status->is_int64() && status->as_int64() >= 200 && status->as_int64() < 600)
    answer.status = static_cast<unsigned>(status->as_int64());
  const json::value* headers = said.if_contains("GET");
  if (headers == nullptr || !headers->is_object()) return answer;
  for (const auto& [name, value] : headers->as_object()) {
    const std::string_view key(name.data(), name.size());
    const bool served = std::any_of(kServedHeaders.begin(), kServedHeaders.end(),
                                    [key](std::string_view known) { return same_word(known, key); });
    if (served && value.is_string())
      answer.headers.emplace_back(std::string(key), std::string(value.as_string()));
  }
  return answer;
}

bool is_flat_name(const std::string& name) {
  return name.starts_with("_redfish_v1") && name.ends_with(".json");
}

/// "_redfish_v1_Systems_1.json" → "/redfish/v1/Systems/1".
std::string uri_of_flat_name(std::string name) {
  name.resize(name.size() - std::string_view(".json").size());
  std::replace(name.begin(), name.end(), '_', '/');
  return without_slash(name);
}

}  // namespace

Result<MockupTree> MockupTree::open(const fs::path& directory) {
  std::error_code error;
  if (!fs::is_directory(directory, error)) {
    return Error("mockup.unreadable",
                 fmt::format("{} is not a directory that can be read", directory.string()),
                 "Give the directory of a captured Redfish tree.", Blame::operator_);
  }
  MockupTree tree;
  std::string prefix;  // what stands before a folder's relative path in its URI
  bool flat = false;
  if (fs::exists(directory / "redfish" / "v1" / "index.json", error)) {
    tree.layout_ = "folders";
  } else if (fs::exists(directory / "v1" / "index.json", error)) {
    tree.layout_ = "folders without prefix";
    prefix = "/redfish";
  } else if (fs::exists(directory / "index.json", error)) {
    tree.layout_ = "folders without prefix";
    prefix = kRootUri;
  } else if (fs::exists(directory / "_redfish_v1.json", error) ||
             fs::exists(directory / "_redfish_v1_.json", error)) {
    tree.layout_ = "flat";
    flat = true;
  } else {
    return Error(
        "mockup.no-root",
        fmt::format(
            "{} holds no Redfish service root: no redfish/v1/index.json, v1/index.json, index.json or "
            "_redfish_v1.json",
            directory.string()),
        "Give the directory that holds the service root.", Blame::operator_);
  }
  for (fs::recursive_directory_iterator it(directory, error), end; it != end; it.increment(error)) {
    if (error) {
      return Error("mockup.unreadable", fmt::format("{}: {}", directory.string(), error.message()), {},
                   Blame::operator_);
    }
    const fs::path& path = it->path();
    const std::string name = path.filename().string();
    if (!it->is_regular_file(error)) continue;
    if (flat) {
      if (!is_flat_name(name)) continue;
      std::string uri = uri_of_flat_name(name);
      const std::optional<json::object> body = parse_object(read_file(path).value_or(""));
      const std::string own = body ? nested_text(*body, {"@odata.id"}) : std::string();
      if (own.starts_with('/')) uri = without_slash(own);
      // A file named after its address wins over one that only claims it.
      if (tree.files_.count(uri) == 0 || uri == uri_of_flat_name(name)) tree.files_[uri] = path;
    } else if (name == "index.json" || name == "index.xml") {
      const fs::path relative = path.parent_path().lexically_relative(directory);
      const std::string inner = relative == "." ? std::string() : "/" + relative.generic_string();
      tree.add_folder(without_slash(prefix + inner), path);
    }
  }
  tree.sessions_uri_ = kStandardSessions;
  const std::optional<fs::path> root = tree.file(std::string(kRootUri));
  if (!root) {
    return Error("mockup.no-root", fmt::format("{} holds no file for /redfish/v1", directory.string()), {},
                 Blame::operator_);
  }
  if (const std::optional<json::object> body = parse_object(read_file(*root).value_or(""))) {
    const std::string named = nested_text(*body, {"Links", "Sessions", "@odata.id"});
    if (named.starts_with('/')) tree.sessions_uri_ = without_slash(named);
  }
  return tree;
}

void MockupTree::add_folder(const std::string& uri, const fs::path& path) {
  std::string address = as_requested(uri);
  const std::optional<json::object> said =
      parse_object(read_file(path.parent_path() / "headers.json").value_or(""));
  const std::string named = said ? nested_text(*said, {"uri"}) : std::string();
  if (named.starts_with('/')) address = as_requested(named);
  if (address.empty()) return;
  files_[address] = path;
  if (said) answers_[address] = answer_in(*said);
}

const MockupAnswer* MockupTree::answer(const std::string& uri) const {
  const auto found = answers_.find(uri);
  return found == answers_.end() ? nullptr : &found->second;
}

std::optional<fs::path> MockupTree::file(const std::string& uri) const {
  const auto found = files_.find(uri);
  if (found == files_.end()) return std::nullopt;
  return found->second;
}

MockupBmc::MockupBmc(MockupTree tree, std::string dut, Account account, RequestLog& log)
    : tree_(std::move(tree)), dut_(std::move(dut)), sessions_(std::move(account)), log_(log) {}

HttpResponse MockupBmc::log_in(const HttpRequest& request) {
  const std::optional<json::object> body = parse_object(request.body);
  if (!body) return error_response(400, "MalformedJSON", "The request body is not a JSON object.");
  const std::string user = nested_text(*body, {"UserName"});
  const ManagerAccount* account = sessions_.accounts.check(user, nested_text(*body, {"Password"}));
  if (account == nullptr) {
    return wrong_login();
  }
  const Session* session = sessions_.open(*account, monotonic_ns());
  if (session == nullptr) return error_response(503, "SessionLimitExceeded", "Too many sessions.");
  const std::string uri = fmt::format("{}/{}", tree_.sessions_uri(), session->id);
  json::object answer = resource(uri, "Session.v1_5_0", session->id, "User Session");
  answer["UserName"] = user;
  HttpResponse response = json_response(201, answer);
  response.headers.emplace_back("Location", uri);
  response.headers.emplace_back("X-Auth-Token", session->token);
  return response;
}

HttpResponse MockupBmc::answer(const HttpRequest& request) {
  const std::string uri = without_slash(request.path);
  const bool reading = request.method == "GET" || request.method == "HEAD";
  if (uri == "/redfish" && reading && !tree_.file(uri)) {
    json::object versions;
    versions["v1"] = "/redfish/v1/";
    return json_response(200, versions);
  }
  const bool sessions = uri == tree_.sessions_uri() || uri == kStandardSessions;
  if (request.method == "POST" && sessions) return log_in(request);
  const bool open = reading && (uri == kRootUri || uri == "/redfish" || uri == "/redfish/v1/$metadata" ||
                                uri == "/redfish/v1/odata");
  if (!open && !sessions_.authenticate(request, monotonic_ns())) return unauthorized();
  for (const std::string& base : {tree_.sessions_uri(), std::string(kStandardSessions)}) {
    if (request.method == "DELETE" && uri.starts_with(base + "/") &&
        sessions_.close(uri.substr(base.size() + 1))) {
      return no_content();
    }
  }
  std::string asked = request.query.empty() ? uri : uri + "?" + request.query;
  if (!tree_.file(asked)) asked = uri;
  const std::optional<fs::path> file = tree_.file(asked);
  if (!reading) return file ? method_not_allowed("GET, HEAD") : not_found(uri);
  if (!file) return not_found(uri);
  std::optional<std::string> bytes = read_file(*file);
  if (!bytes) return error_response(500, "InternalError", "The captured file cannot be read.");
  HttpResponse response;
  if (const MockupAnswer* captured = tree_.answer(asked)) {
    response.status = captured->status;
    response.headers = captured->headers;
    response.content_type.clear();
    response.body = std::move(*bytes);
    return response;
  }
  response.content_type = file->extension() == ".xml" ? "application/xml" : "application/json";
  response.headers.emplace_back("ETag", entity_tag(*bytes));
  response.headers.emplace_back("Allow", "GET, HEAD");
  response.body = std::move(*bytes);
  return response;
}

HttpResponse MockupBmc::handle(const HttpRequest& request) {
  HttpResponse response = answer(request);
  // What was captured without it is served without it.
  const bool captured = response.content_type.empty() && response.status != 204;
  if (!captured && header_value(response.headers, "OData-Version").empty())
    response.headers.emplace_back("OData-Version", "4.0");
  std::string target = request.path;
  if (!request.query.empty()) target += "?" + request.query;
  log_.add(dut_, request.method, target, response.status);
  return response;
}

}  // namespace kiln::virtual_rack
