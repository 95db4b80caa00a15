// AccountService with its accounts and the predefined roles (DSP0266 13.3.6).

#include <fmt/format.h>

#include <algorithm>

#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

constexpr std::string_view kAccountService = "/redfish/v1/AccountService";
constexpr std::string_view kAccounts = "/redfish/v1/AccountService/Accounts";
constexpr std::string_view kRoles = "/redfish/v1/AccountService/Roles";
constexpr std::size_t kLongestName = 32;

const std::vector<std::string>& role_ids() {
  static const std::vector<std::string> ids = [] {
    std::vector<std::string> names;
    for (const AccountRole& role : roles()) names.push_back(role.id);
    return names;
  }();
  return ids;
}

json::object account_resource(const ManagerAccount& account) {
  json::object body = resource(fmt::format("{}/{}", kAccounts, account.id), "ManagerAccount.v1_9_0",
                               account.id, "User Account");
  body["UserName"] = account.user;
  body["Password"] = nullptr;  // write-only
  body["RoleId"] = account.role;
  body["Enabled"] = account.enabled;
  body["Locked"] = false;
  body["PasswordChangeRequired"] = account.password_change_required;
  body["AccountTypes"] = json::array{"Redfish"};
  json::object account_links;
  account_links["Role"] = link(fmt::format("{}/{}", kRoles, account.role));
  body["Links"] = std::move(account_links);
  return body;
}

HttpResponse create_account(Bmc& bmc, const Address&, const HttpRequest& request) {
  std::optional<RequestedProperties> wanted = RequestedProperties::read(request.body);
  if (!wanted) return malformed();
  for (const char* name : {"UserName", "Password", "RoleId"}) wanted->require(name);
  const auto user = wanted->text("UserName", 1, kLongestName);
  const auto password = wanted->text("Password", Accounts::kMinPassword, Accounts::kMaxPassword);
  const auto role = wanted->choice("RoleId", role_ids());
  const auto enabled = wanted->flag("Enabled");
  const auto change = wanted->flag("PasswordChangeRequired");
  const auto types = wanted->list("AccountTypes");
  if (types && *types != std::vector<std::string>{"Redfish"}) {
    wanted->refuse("AccountTypes", "PropertyValueError", "An account here is of the type Redfish only.",
                   {"AccountTypes"});
  }
  wanted->close({});
  if (!wanted->refused().empty()) return error_response(400, wanted->refused());
  if (bmc.sessions.accounts.named(*user) != nullptr) {
    return error_response(409, "ResourceAlreadyExists",
                          fmt::format("There is an account with the UserName '{}' already.", *user),
                          {"ManagerAccount", "UserName", *user});
  }
  ManagerAccount* account = bmc.sessions.accounts.add(*user, *password, *role);
  if (account == nullptr) {
    return error_response(400, "CreateLimitReachedForResource", "No more accounts can be made.");
  }
  account->enabled = enabled.value_or(true);
  account->password_change_required = change.value_or(false);
  return created(account_resource(*account));
}

void patch_account(Bmc& bmc, const Address& address, RequestedProperties& wanted) {
  ManagerAccount* account = bmc.sessions.accounts.find(address[0]);
  const ManagerAccount* by = bmc.requester;
  if (account == nullptr || by == nullptr) return;
  // Whoever must change his password, or may change himself only, may change his password only.
  const bool all = has_privilege(*by, "ConfigureUsers") && !by->password_change_required;
  if (const auto password = wanted.text("Password", Accounts::kMinPassword, Accounts::kMaxPassword)) {
    account->password = *password;
    account->password_change_required = false;
  }
  if (!all) return;
  const bool needed = bmc.sessions.accounts.is_last_administrator(account->id);
  if (const auto user = wanted.text("UserName", 1, kLongestName)) {
    const ManagerAccount* other = bmc.sessions.accounts.named(*user);
    if (other != nullptr && other != account) {
      wanted.refuse("UserName", "PropertyValueConflict", "Another account has this UserName.",
                    {"UserName", "UserName"});
    } else {
      account->user = *user;
    }
  }
  const auto keep = [&wanted](const char* name) {
    wanted.refuse(name, "PropertyValueConflict", "It is the last account that can change accounts.",
                  {name, "RoleId"});
  };
  if (const auto role = wanted.choice("RoleId", role_ids())) {
    if (needed && *role != account->role) {
      keep("RoleId");
    } else {
      account->role = *role;
    }
  }
  if (const auto enabled = wanted.flag("Enabled")) {
    if (needed && !*enabled) {
      keep("Enabled");
    } else {
      account->enabled = *enabled;
    }
  }
  if (const auto change = wanted.flag("PasswordChangeRequired")) account->password_change_required = *change;
}

HttpResponse delete_account(Bmc& bmc, const Address& address, const HttpRequest&) {
  if (bmc.sessions.accounts.find(address[0]) == nullptr) return not_found(address.uri);
  if (bmc.sessions.accounts.is_last_administrator(address[0])) {
    return error_response(403, "ResourceCannotBeDeleted", "It is the last account that can change accounts.");
  }
  bmc.sessions.accounts.remove(address[0]);
  return no_content();
}

json::object account_service(Bmc&, const Address& address) {
  json::object body = resource(address.uri, "AccountService.v1_5_0", "AccountService", "Account Service");
  body["ServiceEnabled"] = true;
  body["Status"] = status("Enabled");
  body["MinPasswordLength"] = Accounts::kMinPassword;
  body["MaxPasswordLength"] = Accounts::kMaxPassword;
  body["Accounts"] = link(kAccounts);
  body["Roles"] = link(kRoles);
  return body;
}

std::optional<json::object> role_resource(Bmc&, const Address& address) {
  for (const AccountRole& role : roles()) {
    if (role.id != address[0]) continue;
    json::object body = resource(address.uri, "Role.v1_3_0", role.id, role.id + " Role");
    body["RoleId"] = role.id;
    body["IsPredefined"] = true;
    body["AssignedPrivileges"] = json::value_from(role.privileges);
    return body;
  }
  return std::nullopt;
}

}  // namespace

void add_account_routes(Router& router) {
  router.get(kAccountService,
             [](Bmc& bmc, const Address& a) { return std::optional(account_service(bmc, a)); });
  router.get(kAccounts, [](Bmc& bmc, const Address& a) {
    std::vector<std::string> members;
    for (const ManagerAccount& account : bmc.sessions.accounts.all()) {
      members.push_back(fmt::format("{}/{}", a.uri, account.id));
    }
    return std::optional(collection(a.uri, "ManagerAccountCollection", "Accounts Collection", members));
  });
  add_creator(router, kAccounts, create_account);
  const std::string one = std::string(kAccounts) + "/{}";
  router.get(one, [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    const ManagerAccount* account = bmc.sessions.accounts.find(a[0]);
    if (account == nullptr) return std::nullopt;
    return account_resource(*account);
  });
  router.patch(one, patch_account);
  router.remove(one, delete_account);
  router.get(kRoles, [](Bmc&, const Address& a) {
    std::vector<std::string> members;
    for (const std::string& id : role_ids()) members.push_back(fmt::format("{}/{}", a.uri, id));
    return std::optional(collection(a.uri, "RoleCollection", "Roles Collection", members));
  });
  router.get(std::string(kRoles) + "/{}", role_resource);
}

}  // namespace kiln::virtual_rack
