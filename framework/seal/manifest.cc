#include "seal/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "seal/json_fields.h"

namespace kiln {
namespace {

namespace json = boost::json;

/// Of the form, not of the program: a reader of ten years from now looks at it first.
constexpr int kForm = 1;

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
  root["reviews"] = manifest.reviews;
  root["audit_entries"] = manifest.audit_entries;
  root["audit_head"] = manifest.audit_head;
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
  const Result<json::object> root = json_object_of(text, kCode, kWhat, "kiln_manifest", kForm);
  if (!root) return root.error();
  JsonFields fields(*root);
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
  if (fields.has("audit_head")) {
    manifest.reviews = fields.whole("reviews");
    manifest.audit_entries = fields.whole("audit_entries");
    manifest.audit_head = fields.text("audit_head");
  }
  manifest.written_utc_ns = fields.whole("written_utc_ns");
  manifest.recorded_on = fields.text("recorded_on");
  manifest.station = fields.text("station");
  manifest.kiln_version = fields.text("kiln_version");
  manifest.build_stamp = fields.text("build_stamp");
  if (!fields.wrong().empty()) return unreadable_json(kCode, kWhat, fields.wrong());
  const json::value* files = root->if_contains("files");
  if (files == nullptr || !files->is_array()) return unreadable_json(kCode, kWhat, "files is no list");
  for (const json::value& item : files->as_array()) {
    if (!item.is_object()) return unreadable_json(kCode, kWhat, "one of files is no object");
    JsonFields one(item.as_object());
    SealedFile file;
    file.name = one.text("name");
    const std::string kind = one.text("kind");
    file.kind = kind == "artifact" ? SealedFile::Kind::artifact : SealedFile::Kind::report;
    file.bytes = static_cast<std::uint64_t>(one.whole("bytes"));
    file.sha256 = one.text("sha256");
    if (!one.wrong().empty()) return unreadable_json(kCode, kWhat, "of files, " + one.wrong());
    if (kind != "artifact" && kind != "report")
      return unreadable_json(kCode, kWhat, fmt::format("of files, kind is '{}'", kind));
    if (leads_out(file.name))
      return unreadable_json(kCode, kWhat, fmt::format("the name '{}' leads out of its folder", file.name));
    if (!is_sha256(file.sha256))
      return unreadable_json(kCode, kWhat, fmt::format("the SHA-256 of '{}' is none", file.name));
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
  root["audit_entries"] = checkpoint.audit_entries;
  root["audit_head"] = checkpoint.audit_head;
  root["utc_ns"] = checkpoint.utc_ns;
  return json::serialize(root) + "\n";
}

Result<Checkpoint> read_checkpoint(std::string_view text) {
  constexpr std::string_view kCode = "seal.no_checkpoint", kWhat = "checkpoint";
  const Result<json::object> root = json_object_of(text, kCode, kWhat, "kiln_checkpoint", kForm);
  if (!root) return root.error();
  JsonFields fields(*root);
  Checkpoint checkpoint;
  checkpoint.run = fields.text("run");
  checkpoint.events = fields.whole("events");
  checkpoint.chain_head = fields.text("chain_head");
  if (fields.has("audit_head")) {
    checkpoint.audit_entries = fields.whole("audit_entries");
    checkpoint.audit_head = fields.text("audit_head");
  }
  checkpoint.utc_ns = fields.whole("utc_ns");
  if (!fields.wrong().empty()) return unreadable_json(kCode, kWhat, fields.wrong());
  return checkpoint;
}

std::string to_json(const BundleManifest& manifest) {
  json::object root;
  root["kiln_bundle"] = kForm;
  root["station"] = manifest.station;
  root["kiln_version"] = manifest.kiln_version;
  root["build_stamp"] = manifest.build_stamp;
  root["exported_utc_ns"] = manifest.exported_utc_ns;
  json::array runs, files;
  for (const BundledRun& run : manifest.runs)
    runs.push_back(json::object{{"run", run.run}, {"events", run.events}, {"chain_head", run.chain_head}});
  for (const BundleManifest::File& file : manifest.files)
    files.push_back(json::object{{"kind", file.kind},
                                 {"run", file.run},
                                 {"name", file.name},
                                 {"bytes", file.bytes},
                                 {"sha256", file.sha256}});
  root["runs"] = std::move(runs);
  root["files"] = std::move(files);
  return json::serialize(root) + "\n";
}

Result<BundleManifest> read_bundle_manifest(std::string_view text) {
  constexpr std::string_view kCode = "seal.no_bundle_manifest", kWhat = "manifest of a bundle";
  const Result<json::object> root = json_object_of(text, kCode, kWhat, "kiln_bundle", kForm);
  if (!root) return root.error();
  JsonFields fields(*root);
  BundleManifest manifest;
  manifest.station = fields.text("station");
  manifest.kiln_version = fields.text("kiln_version");
  manifest.build_stamp = fields.text("build_stamp");
  manifest.exported_utc_ns = fields.whole("exported_utc_ns");
  if (!fields.wrong().empty()) return unreadable_json(kCode, kWhat, fields.wrong());
  for (const char* list : {"runs", "files"}) {
    const json::value* items = root->if_contains(list);
    if (items == nullptr || !items->is_array())
      return unreadable_json(kCode, kWhat, fmt::format("{} is no list", list));
    for (const json::value& item : items->as_array()) {
      if (!item.is_object())
        return unreadable_json(kCode, kWhat, fmt::format("one of {} is no object", list));
    }
  }
  const auto leads_elsewhere = [](const std::string& name) {
    return leads_out(name) || name.find('/') != std::string::npos || name.front() == '.';
  };
  for (const json::value& item : root->at("runs").as_array()) {
    JsonFields one(item.as_object());
    BundledRun run{one.text("run"), one.whole("events"), one.text("chain_head")};
    if (!one.wrong().empty()) return unreadable_json(kCode, kWhat, "of runs, " + one.wrong());
    if (leads_elsewhere(run.run))
      return unreadable_json(kCode, kWhat, fmt::format("'{}' is no run", run.run));
    if (!is_sha256(run.chain_head))
      return unreadable_json(kCode, kWhat, fmt::format("the head of '{}' is no SHA-256", run.run));
    manifest.runs.push_back(std::move(run));
  }
  for (const json::value& item : root->at("files").as_array()) {
    JsonFields one(item.as_object());
    BundleManifest::File file{one.text("kind"), one.text("run"), one.text("name"),
                              static_cast<std::uint64_t>(one.whole("bytes")), one.text("sha256")};
    if (!one.wrong().empty()) return unreadable_json(kCode, kWhat, "of files, " + one.wrong());
    const bool artifact = file.kind == "artifact";
    if (!artifact && file.kind != "report" && file.kind != "reviews" && file.kind != "notes")
      return unreadable_json(kCode, kWhat, fmt::format("of files, kind is '{}'", file.kind));
    if (leads_elsewhere(file.name) || (!artifact && leads_elsewhere(file.run)))
      return unreadable_json(kCode, kWhat, fmt::format("the name '{}' leads out of its folder", file.name));
    if (!is_sha256(file.sha256) || (artifact && file.name != file.sha256))
      return unreadable_json(kCode, kWhat, fmt::format("the SHA-256 of '{}' is none", file.name));
    manifest.files.push_back(std::move(file));
  }
  return manifest;
}

}  // namespace kiln
