#pragma once
// The credentials file: name → {user, password}, {user, key_file} or {api_key}. Values go into Secret and
// nowhere else; no message of this reader ever quotes what stands in the file. Floor 2; blocks on the disk;
// any thread.

#include <map>
#include <string>

#include "base/secret.h"
#include "files/problem.h"
#include "model/inventory.h"

namespace kiln {

/// Either a password or a key file, or an API key, which has no user.
struct Credential {
  std::string user;
  Secret password;
  Secret api_key = {};
  std::string key_file;  ///< path; relative ones are taken from the credentials file's folder
};

/// By the name that the inventory uses.
using Credentials = std::map<std::string, Credential>;

/// Problems: those of the file and of YAML, files.permissions (the file or a key file may be read by others,
/// or belongs to somebody else), credentials.incomplete, credentials.name.
Parsed<Credentials> read_credentials(const std::string& path);

/// The names an inventory uses that the file does not have: credentials.unknown.
std::vector<Problem> check_credential_names(const Inventory& inventory, const Credentials& credentials);

/// The credential to log in with at an address: the wanted one, else the only one, else "bmc"; empty when the
/// file has none. Error "credentials.unknown".
Result<std::string> credential_to_use(const std::string& wanted, const Credentials& credentials);

}  // namespace kiln
