#include "tests_hw/virtual_rack/redfish/accounts.h"

#include <openssl/crypto.h>

#include <algorithm>

namespace kiln::virtual_rack {
namespace {

constexpr std::string_view kAdministrator = "Administrator";

}  // namespace

bool same_secret(const std::string& a, const std::string& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

const std::vector<AccountRole>& roles() {
  static const std::vector<AccountRole> predefined = {
      {"Administrator",
       {"Login", "ConfigureManager", "ConfigureUsers", "ConfigureComponents", "ConfigureSelf"}},
      {"Operator", {"Login", "ConfigureComponents", "ConfigureSelf"}},
      {"ReadOnly", {"Login", "ConfigureSelf"}}};
  return predefined;
}

bool has_privilege(const ManagerAccount& account, std::string_view privilege) {
  for (const AccountRole& role : roles()) {
    if (role.id != account.role) continue;
    return std::find(role.privileges.begin(), role.privileges.end(), privilege) != role.privileges.end();
  }
  return false;
}

Accounts::Accounts(Account first) { add(first.user, first.password, std::string(kAdministrator)); }

const ManagerAccount* Accounts::check(const std::string& user, const std::string& password) const {
  const ManagerAccount* account = named(user);
  return account != nullptr && account->enabled && same_secret(password, account->password) ? account
                                                                                            : nullptr;
}

ManagerAccount* Accounts::find(const std::string& id) {
  const auto found = std::find_if(accounts_.begin(), accounts_.end(),
                                  [&id](const ManagerAccount& account) { return account.id == id; });
  return found == accounts_.end() ? nullptr : &*found;
}

const ManagerAccount* Accounts::named(const std::string& user) const {
  const auto found = std::find_if(accounts_.begin(), accounts_.end(),
                                  [&user](const ManagerAccount& account) { return account.user == user; });
  return found == accounts_.end() ? nullptr : &*found;
}

ManagerAccount* Accounts::add(const std::string& user, const std::string& password, const std::string& role) {
  if (accounts_.size() >= kMax) return nullptr;
  ManagerAccount account;
  account.id = std::to_string(next_id_++);
  account.user = user;
  account.password = password;
  account.role = role;
  accounts_.push_back(std::move(account));
  return &accounts_.back();
}

bool Accounts::remove(const std::string& id) {
  return std::erase_if(accounts_, [&id](const ManagerAccount& account) { return account.id == id; }) > 0;
}

bool Accounts::is_last_administrator(const std::string& id) const {
  const auto administers = [](const ManagerAccount& account) {
    return account.enabled && account.role == kAdministrator;
  };
  return std::none_of(accounts_.begin(), accounts_.end(), [&](const ManagerAccount& account) {
    return account.id != id && administers(account);
  });
}

}  // namespace kiln::virtual_rack
