#pragma once
// Who may use a BMC, and what each may do (DSP0266 13.3): accounts with one predefined role each. They
// outlive a restart of the BMC. Thread: the rack's loop.

#include <string>
#include <string_view>
#include <vector>

namespace kiln::virtual_rack {

struct Account {
  std::string user;
  std::string password;
};

struct ManagerAccount {
  std::string id;
  std::string user;
  std::string password;
  std::string role;  ///< Id of one of roles()
  bool enabled = true;
  bool password_change_required = false;
};

/// A predefined role with its privileges (DSP0266 13.3.10); nobody can change it.
struct AccountRole {
  std::string id;
  std::vector<std::string> privileges;
};

[[nodiscard]] const std::vector<AccountRole>& roles();
[[nodiscard]] bool has_privilege(const ManagerAccount& account, std::string_view privilege);

class Accounts {
 public:
  static constexpr std::size_t kMax = 16;
  static constexpr std::size_t kMinPassword = 8;
  static constexpr std::size_t kMaxPassword = 128;

  /// The first is the administrator's.
  explicit Accounts(Account first);

  /// The enabled account these open; null when there is none.
  [[nodiscard]] const ManagerAccount* check(const std::string& user, const std::string& password) const;
  [[nodiscard]] ManagerAccount* find(const std::string& id);
  [[nodiscard]] const ManagerAccount* named(const std::string& user) const;
  /// Null when there is no room.
  ManagerAccount* add(const std::string& user, const std::string& password, const std::string& role);
  bool remove(const std::string& id);
  /// Without it nobody could make accounts any more.
  [[nodiscard]] bool is_last_administrator(const std::string& id) const;
  [[nodiscard]] const std::vector<ManagerAccount>& all() const { return accounts_; }

 private:
  std::vector<ManagerAccount> accounts_;
  int next_id_ = 1;
};

/// Compares without telling by its time where two differ.
[[nodiscard]] bool same_secret(const std::string& a, const std::string& b);

}  // namespace kiln::virtual_rack
