#include "tests_hw/virtual_rack/redfish/authorization.h"

#include <fmt/format.h>

namespace kiln::virtual_rack {
namespace {

constexpr std::string_view kAccountsBelow = "/redfish/v1/AccountService/Accounts/";
constexpr std::string_view kSessionsBelow = "/redfish/v1/SessionService/Sessions/";

bool only_reads(const HttpRequest& request) { return request.method == "GET" || request.method == "HEAD"; }

std::string_view after(std::string_view path, std::string_view prefix) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return path.starts_with(prefix) ? path.substr(prefix.size()) : std::string_view{};
}

std::string_view needed(const ManagerAccount& account, const Sessions& sessions, const HttpRequest& request) {
  const std::string_view path = request.path;
  const std::string_view asked_account = after(path, kAccountsBelow);
  const bool changes = request.method == "PATCH" || only_reads(request);
  if (!asked_account.empty() && asked_account == account.id && changes) return "ConfigureSelf";
  if (!asked_account.empty()) return "ConfigureUsers";
  if (only_reads(request)) return "Login";
  const std::string_view asked_session = after(path, kSessionsBelow);
  if (!asked_session.empty()) {
    const Session* session = sessions.find(std::string(asked_session));
    if (session != nullptr && session->account == account.id) return "ConfigureSelf";
  }
  if (path.starts_with("/redfish/v1/AccountService")) return "ConfigureUsers";
  for (const std::string_view service :
       {"/redfish/v1/SessionService", "/redfish/v1/Managers", "/redfish/v1/EventService",
        "/redfish/v1/TaskService", "/redfish/v1/CertificateService"}) {
    if (path.starts_with(service)) return "ConfigureManager";
  }
  return "ConfigureComponents";
}

}  // namespace

bool may(const ManagerAccount& account, const Sessions& sessions, const HttpRequest& request) {
  return has_privilege(account, needed(account, sessions, request));
}

bool serves_password_change(const ManagerAccount& account, const HttpRequest& request) {
  return (only_reads(request) || request.method == "PATCH") &&
         after(request.path, kAccountsBelow) == account.id;
}

Message password_change_message(const ManagerAccount& account) {
  const std::string uri = std::string(kAccountsBelow) + account.id;
  return {"PasswordChangeRequired",
          fmt::format("The password of this account must be changed first, by PATCH of {}.", uri),
          {uri},
          {}};
}

}  // namespace kiln::virtual_rack
