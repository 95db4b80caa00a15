// CertificateService and the certificate behind HTTPS, which can be replaced (DSP0266 13.1.2).

#include <fmt/format.h>

#include <algorithm>

#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

constexpr std::string_view kCertificateService = "/redfish/v1/CertificateService";
constexpr std::string_view kReplace =
    "/redfish/v1/CertificateService/Actions/CertificateService.ReplaceCertificate";

std::string certificates_uri(const Bmc& bmc) {
  return fmt::format("{}/Managers/{}/NetworkProtocol/HTTPS/Certificates", kRoot, bmc.dut.face.manager);
}

bool has_certificate(const Bmc& bmc, const Address& address) {
  return address[0] == bmc.dut.face.manager && !bmc.certificate_pem.empty();
}

std::optional<json::object> certificate_resource(Bmc& bmc, const Address& address) {
  if (!has_certificate(bmc, address) || address[1] != "1") return std::nullopt;
  const std::optional<CertificateFacts> facts = read_certificate(bmc.certificate_pem);
  if (!facts) return std::nullopt;
  json::object body = resource(address.uri, "Certificate.v1_6_0", "1", "HTTPS Certificate");
  body["CertificateString"] = bmc.certificate_pem;
  body["CertificateType"] = "PEM";
  json::object subject;
  subject["CommonName"] = facts->subject;
  body["Subject"] = std::move(subject);
  json::object issuer;
  issuer["CommonName"] = facts->issuer;
  body["Issuer"] = std::move(issuer);
  body["ValidNotBefore"] = facts->valid_from;
  body["ValidNotAfter"] = facts->valid_to;
  return body;
}

json::object certificate_service(Bmc&, const Address& address) {
  json::object body =
      resource(address.uri, "CertificateService.v1_0_3", "CertificateService", "Certificate Service");
  body["CertificateLocations"] = link(address.uri + "/CertificateLocations");
  json::object action;
  action["target"] = kReplace;
  action["CertificateType@Redfish.AllowableValues"] = json::array{"PEM"};
  json::object actions;
  actions["#CertificateService.ReplaceCertificate"] = std::move(action);
  body["Actions"] = std::move(actions);
  return body;
}

json::object certificate_locations(Bmc& bmc, const Address& address) {
  json::object body =
      resource(address.uri, "CertificateLocations.v1_0_2", "CertificateLocations", "Certificate Locations");
  std::vector<std::string> uris;
  if (!bmc.certificate_pem.empty()) uris.push_back(certificates_uri(bmc) + "/1");
  json::object location_links;
  location_links["Certificates@odata.count"] = uris.size();
  location_links["Certificates"] = links(uris);
  body["Links"] = std::move(location_links);
  return body;
}

/// The new certificate and its key are one PEM text; connections that are open stay.
HttpResponse replace_certificate(Bmc& bmc, const Address&, const HttpRequest& request) {
  const std::optional<json::object> asked = parse_object(request.body);
  if (!asked) return malformed();
  for (const char* name : {"CertificateString", "CertificateType", "CertificateUri"}) {
    if (asked->contains(name)) continue;
    return error_response(400, "ActionParameterMissing",
                          fmt::format("The action ReplaceCertificate requires the parameter {}.", name),
                          {"ReplaceCertificate", name});
  }
  const json::value& type = asked->at("CertificateType");
  const json::value& text = asked->at("CertificateString");
  const json::value& wanted = asked->at("CertificateUri");
  const json::value* uri = wanted.is_object() ? wanted.as_object().if_contains("@odata.id") : nullptr;
  if (uri == nullptr || !uri->is_string() || uri->as_string() != certificates_uri(bmc) + "/1") {
    return error_response(400, "ActionParameterValueError",
                          "CertificateUri names no certificate of this service.",
                          {"CertificateUri", "ReplaceCertificate"});
  }
  if (!type.is_string() || type.as_string() != "PEM") {
    return error_response(400, "ActionParameterValueError", "CertificateType is not PEM.",
                          {"CertificateType", "ReplaceCertificate"});
  }
  std::optional<TlsIdentity> identity;
  if (text.is_string()) identity = parse_tls_identity(std::string(text.as_string()));
  if (!identity || !bmc.use_identity) {
    // The text may hold a private key: nothing of it is told.
    return error_response(400, "ActionParameterValueError",
                          "CertificateString is no PEM text of a certificate and the private key to it.",
                          {"CertificateString", "ReplaceCertificate"});
  }
  const std::string pem = identity->certificate_pem;
  bmc.use_identity(std::move(*identity));  // may refuse it; then nothing has changed
  bmc.certificate_pem = pem;
  HttpResponse response = no_content();
  response.headers.emplace_back("Location", certificates_uri(bmc) + "/1");
  return response;
}

}  // namespace

void add_certificate_routes(Router& router) {
  router.get(kCertificateService,
             [](Bmc& bmc, const Address& a) { return std::optional(certificate_service(bmc, a)); });
  router.get(std::string(kCertificateService) + "/CertificateLocations",
             [](Bmc& bmc, const Address& a) { return std::optional(certificate_locations(bmc, a)); });
  router.post(kReplace, replace_certificate);
  const std::string base = "/redfish/v1/Managers/{}/NetworkProtocol/HTTPS/Certificates";
  router.get(base, [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    if (a[0] != bmc.dut.face.manager) return std::nullopt;
    std::vector<std::string> members;
    if (has_certificate(bmc, a)) members.push_back(a.uri + "/1");
    return collection(a.uri, "CertificateCollection", "Certificate Collection", members);
  });
  router.get(base + "/{}", certificate_resource);
}

}  // namespace kiln::virtual_rack
