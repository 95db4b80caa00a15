#include "io/certificate.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <memory>

#include "io/curl_multi.h"
#include "io/loop.h"

namespace kiln {
namespace {

constexpr long kCertificateWithin = 5'000;  // ms

struct LookDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
};

std::string name_text(const X509_NAME* name) {
  const std::unique_ptr<BIO, LookDeleter> out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(std::max(size, 0L))};
}

std::string time_text(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), size};
}

Result<PeerCertificate> understand(const std::string& pem) {
  const std::unique_ptr<BIO, LookDeleter> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const std::unique_ptr<X509, LookDeleter> certificate(
      PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  unsigned char* spki = nullptr;
  const int size = certificate ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate.get()), &spki) : -1;
  if (size <= 0)
    return Error("http.certificate", "the peer's certificate cannot be understood",
                 "renew it at the device, then look again");
  std::array<unsigned char, 32> digest{};
  const int hashed =
      EVP_Digest(spki, static_cast<std::size_t>(size), digest.data(), nullptr, EVP_sha256(), nullptr);
  OPENSSL_free(spki);
  if (hashed != 1) return Error("http.certificate", "SHA-256 could not be computed", "", Blame::station);
  std::array<unsigned char, 64> base64{};
  const int length = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest.size()));
  PeerCertificate seen;
  seen.pin_sha256.assign(base64.begin(), base64.begin() + length);
  seen.subject = name_text(X509_get_subject_name(certificate.get()));
  seen.issuer = name_text(X509_get_issuer_name(certificate.get()));
  seen.not_before = time_text(X509_get0_notBefore(certificate.get()));
  seen.not_after = time_text(X509_get0_notAfter(certificate.get()));
  seen.self_signed = seen.subject == seen.issuer;
  return seen;
}

/// The PEM text of the first certificate of the chain, as curl lists it: "Cert:-----BEGIN …".
std::string leaf_of(CURL* easy) {
  const curl_certinfo* chain = nullptr;
  if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &chain) != CURLE_OK || chain == nullptr ||
      chain->num_of_certs < 1)
    return {};
  for (const curl_slist* line = chain->certinfo[0]; line != nullptr; line = line->next) {
    const std::string text(line->data);
    if (text.starts_with("Cert:")) return text.substr(5);
  }
  return {};
}

}  // namespace

boost::asio::awaitable<Result<PeerCertificate>> read_certificate(const Ctx& ctx, std::string url) {
  const std::unique_ptr<CURL, LookDeleter> easy(curl_easy_init());
  if (!easy) throw std::bad_alloc();
  curl_easy_setopt(easy.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(easy.get(), CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(easy.get(), CURLOPT_CONNECT_ONLY, 1L);  // the handshake, and no byte more
  curl_easy_setopt(easy.get(), CURLOPT_CERTINFO, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_SSL_VERIFYPEER, 0L);
  curl_easy_setopt(easy.get(), CURLOPT_SSL_VERIFYHOST, 0L);
  curl_easy_setopt(easy.get(), CURLOPT_TIMEOUT_MS, kCertificateWithin);
  std::array<char, CURL_ERROR_SIZE> why{};
  curl_easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, why.data());
  const std::shared_ptr<detail::CurlMulti> multi = detail::CurlMulti::open(ctx.loop().native());
  const detail::CurlDone done;
  Status added = multi->add(easy.get(), done);
  if (!added) co_return added.error();
  const Loop::Hold hold(ctx.loop());
  const Result<CURLcode> ended = co_await done.wait(ctx);
  if (!ended) {
    multi->remove(easy.get());
    Error error = ended.error();
    co_return std::move(error).while_doing("looking at the certificate of " + url);
  }
  if (*ended != CURLE_OK) {
    const std::string reason = why.front() == '\0' ? curl_easy_strerror(*ended) : why.data();
    co_return Error("http.connect", fmt::format("{}: {}", url, reason),
                    "Is there a BMC, and does it speak HTTPS at this port?");
  }
  Result<PeerCertificate> seen = understand(leaf_of(easy.get()));
  co_return seen;
}

}  // namespace kiln
