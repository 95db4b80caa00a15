#include "seal/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

namespace kiln {
namespace {

namespace json = boost::json;

/// Of the form, not of the program: a reader of ten years from now looks at it first.
constexpr int kForm = 1;

Error unreadable(std::string_view code, std::string_view what, const std::string& why) {
  return {std::string(code), fmt::format("this is no {}: {}", what, why),
          "get the file again from where it was written", Blame::operator_};
}

/// Reads fields, and keeps the first that is not as it must be.
class Fields {
 public:
  explicit Fields(const json::object& object) : object_(object) {}

  std::string text(std::string_view name) {
    const json::value* value = object_.if_contains(name);
    if (value == nullptr || !value->is_string()) {
      complain(name, "text");
      return {};
    }
    return std::string(value->as_string());
  }
  std::int64_t whole(std::string_view name) {
    const json::value* value = object_.if_contains(name);
    if (value == nullptr || !value->is_int64() || value->as_int64() < 0) {
      complain(name, "whole number");
      return 0;
    }
    return value->as_int64();
  }
  bool yes_or_no(std::string_view name) {
    const json::value* value = object_.if_contains(name);
    if (value == nullptr || !value->is_bool()) {
      complain(name, "yes or no");
      return false;
    }
    return value->as_bool();
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  void complain(std::string_view name, std::string_view kind) {
    if (wrong_.empty()) wrong_ = fmt::format("{} is missing or no {}", name, kind);
  }
  const json::object& object_;
  std::string wrong_;
};

bool leads_out(const std::string& name) {
  if (name.empty() || name.front() == '/' || name.find('\0') != std::string::npos) return true;
  const std::string framed = "/" + name + "/";
  return framed.find("/../") != std::string::npos || framed.find("/./") != std::string::npos ||
         framed.find("//") != std::string::npos;
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

/// The object, when it is one of that form.
Result<json::object> object_of(std::string_view text, std::string_view code, std::string_view what,
                               std::string_view form) {
  boost::system::error_code failed;
  json::value root = json::parse(text, failed);
  if (failed) return unreadable(code, what, "it is no JSON (" + failed.message() + ")");
  if (!root.is_object()) return unreadable(code, what, "it is no JSON object");
  Fields fields(root.as_object());
  const std::int64_t version = fields.whole(form);
  if (!fields.wrong().empty()) return unreadable(code, what, fields.wrong());
  if (version != kForm)
    return unreadable(code, what, fmt::format("its form is {}, this program knows {}", version, kForm));
  return std::move(root.as_object());
}

}  // namespace

std::string to_json(const Manifest& manifest) {
  json::object root;
  root["kiln_manifest"] = kForm;
  root["run"] = manifest.run;
  root["rack"] = manifest.rack;
  root["product"] = manifest.product;
  root["recipe"] = manifest.recipe;
  root["recipe_version"] = manifest.recipe_version;
  root["decision"] = manifest.decision;
  root["sign_off"] = manifest.sign_off;
  root["simulated"] = manifest.simulated;
  root["state"] = manifest.state;
  root["record_broken"] = manifest.record_broken;
  root["events"] = manifest.events;
  root["chain_head"] = manifest.chain_head;
  root["written_utc_ns"] = manifest.written_utc_ns;
  root["recorded_on"] = manifest.recorded_on;
  root["station"] = manifest.station;
  root["kiln_version"] = manifest.kiln_version;
  root["build_stamp"] = manifest.build_stamp;
  json::array files;
  for (const SealedFile& file : manifest.files) {
    json::object one;
    one["name"] = file.name;
    one["kind"] = file.kind == SealedFile::Kind::report ? "report" : "artifact";
    one["bytes"] = file.bytes;
    one["sha256"] = file.sha256;
    files.push_back(std::move(one));
  }
  root["files"] = std::move(files);
  return json::serialize(root) + "\n";
}

Result<Manifest> read_manifest(std::string_view text) {
  constexpr std::string_view kCode = "seal.no_manifest", kWhat = "manifest";
  const Result<json::object> root = object_of(text, kCode, kWhat, "kiln_manifest");
  if (!root) return root.error();
  Fields fields(*root);
  Manifest manifest;
  manifest.run = fields.text("run");
  manifest.rack = fields.text("rack");
  manifest.product = fields.text("product");
  manifest.recipe = fields.text("recipe");
  manifest.recipe_version = fields.text("recipe_version");
  manifest.decision = fields.text("decision");
  manifest.sign_off = fields.text("sign_off");
  manifest.simulated = fields.yes_or_no("simulated");
  manifest.state = fields.text("state");
  manifest.record_broken = fields.text("record_broken");
  manifest.events = fields.whole("events");
  manifest.chain_head = fields.text("chain_head");
  manifest.written_utc_ns = fields.whole("written_utc_ns");
  manifest.recorded_on = fields.text("recorded_on");
  manifest.station = fields.text("station");
  manifest.kiln_version = fields.text("kiln_version");
  manifest.build_stamp = fields.text("build_stamp");
  if (!fields.wrong().empty()) return unreadable(kCode, kWhat, fields.wrong());
  const json::value* files = root->if_contains("files");
  if (files == nullptr || !files->is_array()) return unreadable(kCode, kWhat, "files is no list");
  for (const json::value& item : files->as_array()) {
    if (!item.is_object()) return unreadable(kCode, kWhat, "one of files is no object");
    Fields one(item.as_object());
    SealedFile file;
    file.name = one.text("name");
    const std::string kind = one.text("kind");
    file.kind = kind == "artifact" ? SealedFile::Kind::artifact : SealedFile::Kind::report;
    file.bytes = static_cast<std::uint64_t>(one.whole("bytes"));
    file.sha256 = one.text("sha256");
    if (!one.wrong().empty()) return unreadable(kCode, kWhat, "of files, " + one.wrong());
    if (kind != "artifact" && kind != "report")
      return unreadable(kCode, kWhat, fmt::format("of files, kind is '{}'", kind));
    if (leads_out(file.name))
      return unreadable(kCode, kWhat, fmt::format("the name '{}' leads out of its folder", file.name));
    if (!is_sha256(file.sha256))
      return unreadable(kCode, kWhat, fmt::format("the SHA-256 of '{}' is none", file.name));
    manifest.files.push_back(std::move(file));
  }
  return manifest;
}

std::string to_json(const Checkpoint& checkpoint) {
  json::object root;
  root["kiln_checkpoint"] = kForm;
  root["run"] = checkpoint.run;
  root["events"] = checkpoint.events;
  root["chain_head"] = checkpoint.chain_head;
  root["utc_ns"] = checkpoint.utc_ns;
  return json::serialize(root) + "\n";
}

Result<Checkpoint> read_checkpoint(std::string_view text) {
  constexpr std::string_view kCode = "seal.no_checkpoint", kWhat = "checkpoint";
  const Result<json::object> root = object_of(text, kCode, kWhat, "kiln_checkpoint");
  if (!root) return root.error();
  Fields fields(*root);
  Checkpoint checkpoint;
  checkpoint.run = fields.text("run");
  checkpoint.events = fields.whole("events");
  checkpoint.chain_head = fields.text("chain_head");
  checkpoint.utc_ns = fields.whole("utc_ns");
  if (!fields.wrong().empty()) return unreadable(kCode, kWhat, fields.wrong());
  return checkpoint;
}

}  // namespace kiln
