#include "files/credentials.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/nearest.h"
#include "files/field_reader.h"
#include "files/file_text.h"
#include "files/yaml_node.h"

namespace kiln {
namespace {

/// Keys and passwords are for one user: anything wider is refused, as ssh does.
void check_permissions(const std::string& path, const FileText& text, std::vector<Problem>& problems) {
  constexpr unsigned kOthers = 0077;
  if ((text.mode & kOthers) != 0) {
    problems.push_back({{path, 0, 0},
                        "files.permissions",
                        fmt::format("holds secrets and may be used by others (mode {:04o})", text.mode),
                        fmt::format("chmod 600 {}", path)});
  }
  if (!text.owned_by_us_or_root) {
    problems.push_back({{path, 0, 0},
                        "files.permissions",
                        "holds secrets and belongs to another user",
                        "chown it to yourself"});
  }
}

Credential read_credential(const std::string& name, const YamlNode& node, const std::string& file,
                           std::vector<Problem>& problems) {
  Credential credential;
  FieldReader reader(node, fmt::format("the credential '{}'", name), problems, Sensitivity::secret);
  const bool is_key = reader.is_map() && reader.has("api_key");
  credential.user = reader.text("user", is_key ? Need::optional : Need::required).value_or("");
  if (auto key = reader.text("api_key")) credential.api_key = Secret(std::move(*key));
  if (auto password = reader.text("password")) credential.password = Secret(std::move(*password));
  if (const auto key_file = reader.text("key_file")) credential.key_file = beside(file, *key_file);
  reader.finish();
  if (is_key) {
    if (reader.has("user") || reader.has("password") || reader.has("key_file")) {
      problems.push_back({node.place,
                          "credentials.incomplete",
                          fmt::format("the credential '{}' is an api_key, which stands alone", name),
                          {}});
    }
    const std::string& key = credential.api_key.expose();
    const bool is_printable =
        std::all_of(key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    if (key.empty() || !is_printable) {
      problems.push_back({node.place, "credentials.incomplete",
                          fmt::format("the api_key of the credential '{}' cannot stand in a header", name),
                          "it has no blanks and nothing but ASCII"});
    }
  } else if (reader.is_map() && reader.has("password") == reader.has("key_file")) {
    problems.push_back({node.place,
                        "credentials.incomplete",
                        fmt::format("the credential '{}' needs either a password or a key_file", name),
                        {}});
  }
  if (!credential.key_file.empty()) {
    const auto key = read_file_text(credential.key_file);
    if (key) {
      check_permissions(credential.key_file, *key.value, problems);
    } else {
      problems.insert(problems.end(), key.problems.begin(), key.problems.end());
    }
  }
  return credential;
}

void check_name(const std::string& dut, const std::string& name, const Inventory& inventory,
                const Credentials& credentials, std::vector<Problem>& problems) {
  if (name.empty() || credentials.count(name) != 0) return;
  std::vector<std::string> names;
  for (const auto& [known, credential] : credentials) names.push_back(known);
  problems.push_back({{inventory.file, 0, 0},
                      "credentials.unknown",
                      fmt::format("{} names the credential '{}', which {} does not have", dut, name,
                                  inventory.credentials_file),
                      suggest(name, names)});
}

/// An API key is sent to a model server and to nobody else, and nothing else is sent to one.
void check_kinds(const Inventory& inventory, const Credentials& credentials, std::vector<Problem>& problems) {
  const auto is_key = [&credentials](const std::string& name) -> std::optional<bool> {
    const auto found = credentials.find(name);
    if (found == credentials.end()) return std::nullopt;
    return !found->second.api_key.empty();
  };
  const auto wrong = [&](const std::string& who, const std::string& name, const char* what) {
    problems.push_back({{inventory.file, 0, 0},
                        "credentials.incomplete",
                        fmt::format("{} names the credential '{}', which {}", who, name, what),
                        {}});
  };
  if (inventory.serving && is_key(inventory.serving->credential) == false)
    wrong("serving", inventory.serving->credential, "has no api_key");
  for (const Dut& dut : inventory.duts) {
    if (dut.bmc && is_key(dut.bmc->credential) == true)
      wrong(dut.id, dut.bmc->credential, "is an api_key and no login");
    if (dut.host && is_key(dut.host->credential) == true)
      wrong(dut.id, dut.host->credential, "is an api_key and no login");
  }
}

void check_building(const Inventory& inventory, const Credentials& credentials,
                    std::vector<Problem>& problems) {
  const BuildingAccess& building = *inventory.building;
  check_name("the building", building.credential, inventory, credentials, problems);
  const auto found = credentials.find(building.credential);
  if (found == credentials.end() || building.certificate.empty() == found->second.key_file.empty()) return;
  problems.push_back(
      {{inventory.file, 0, 0},
       "credentials.incomplete",
       fmt::format("the building's credential '{}' has {}", building.credential,
                   building.certificate.empty() ? "a key_file, and there is no certificate for it"
                                                : "no key_file for the certificate"),
       "a certificate of ours and the key_file of its credential go together"});
}

}  // namespace

Parsed<Credentials> read_credentials(const std::string& path) {
  Parsed<Credentials> parsed;
  auto text = read_file_text(path);
  if (!text) {
    parsed.problems = std::move(text.problems);
    return parsed;
  }
  check_permissions(path, *text.value, parsed.problems);
  const auto tree = parse_yaml(text.value->bytes, path, Sensitivity::secret, parsed.problems);
  if (!tree) return parsed;
  Credentials credentials;
  if (tree->kind != YamlNode::Kind::map) {
    parsed.problems.push_back(
        {tree->place, "files.wrong_type", "the credentials file must be a map of names", {}});
  }
  for (const YamlNode::Field& field : tree->fields) {
    if (!is_name(field.key)) {
      parsed.problems.push_back({field.key_place, "credentials.name", "this is not a name of a credential",
                                 "use letters, digits, '-', '_' and '.'"});
      continue;
    }
    credentials[field.key] = read_credential(field.key, field.value, path, parsed.problems);
  }
  sort_by_place(parsed.problems);
  if (parsed.problems.empty()) parsed.value = std::move(credentials);
  return parsed;
}

std::vector<Problem> check_credential_names(const Inventory& inventory, const Credentials& credentials) {
  std::vector<Problem> problems;
  for (const Dut& dut : inventory.duts) {
    if (dut.bmc) check_name(dut.id, dut.bmc->credential, inventory, credentials, problems);
    if (dut.bmc && dut.bmc->jump)
      check_name(dut.id, dut.bmc->jump->credential, inventory, credentials, problems);
    if (dut.host) check_name(dut.id, dut.host->credential, inventory, credentials, problems);
  }
  if (inventory.serving)
    check_name("serving", inventory.serving->credential, inventory, credentials, problems);
  check_kinds(inventory, credentials, problems);
  if (inventory.building) check_building(inventory, credentials, problems);
  return problems;
}

Result<std::string> credential_to_use(const std::string& wanted, const Credentials& credentials) {
  if (!wanted.empty()) {
    if (credentials.count(wanted) > 0) return wanted;
    std::vector<std::string> names;
    for (const auto& [name, credential] : credentials) names.push_back(name);
    return Error("credentials.unknown",
                 fmt::format("the credentials file has no '{}'{}", wanted, did_you_mean(wanted, names)), "",
                 Blame::operator_);
  }
  if (credentials.empty()) return std::string();
  if (credentials.size() == 1) return credentials.begin()->first;
  if (credentials.count("bmc") > 0) return std::string("bmc");
  return Error("credentials.unknown", "the credentials file has several names and none of them is 'bmc'",
               "say which one: --credential NAME", Blame::operator_);
}

}  // namespace kiln
