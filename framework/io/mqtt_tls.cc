#include "io/mqtt_tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>
#include <new>

namespace kiln::detail {
namespace {

Error unusable(const std::string& option, const std::string& file) {
  const unsigned long code = ERR_peek_last_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return {"mqtt.options",
          fmt::format("{} {}: {}", option, file, reason == nullptr ? "cannot be used" : reason),
          "check that it is there, readable and PEM", Blame::operator_};
}

std::string alert_words(int alert) {
  // OpenSSL 3.0 has no words for the one that matters most (RFC 8446, section 6).
  constexpr int kCertificateRequired = 116;
  if (alert == kCertificateRequired) return "certificate required";
  return SSL_alert_desc_string_long(alert);
}

/// A key with a passphrase is refused; OpenSSL's own callback would ask on the terminal.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

}  // namespace

bool is_numeric_host(const std::string& host) {
  boost::system::error_code not_numeric;
  boost::asio::ip::make_address(host, not_numeric);
  return !not_numeric;
}

MqttTls::MqttTls() : context_(SSL_CTX_new(TLS_client_method())) {
  if (context_ == nullptr) throw std::bad_alloc();
}

MqttTls::~MqttTls() {
  // A connection that libmosquitto still closes must not find us.
  SSL_CTX_set_info_callback(context_, nullptr);
  SSL_free(session_);
  SSL_CTX_free(context_);
}

Result<std::unique_ptr<MqttTls>> MqttTls::open(const MqttOptions& options) {
  std::unique_ptr<MqttTls> tls(new MqttTls());
  Status prepared = tls->prepare(options);
  if (!prepared) return prepared.error();
  return tls;
}

Status MqttTls::prepare(const MqttOptions& options) {
  ERR_clear_error();
  SSL_CTX_set_app_data(context_, this);
  SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
  SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_default_passwd_cb(context_, &no_passphrase);
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, &MqttTls::on_verify);
  SSL_CTX_set_info_callback(context_, &MqttTls::on_info);
  if (SSL_CTX_load_verify_locations(context_, options.ca_file.c_str(), nullptr) != 1)
    return unusable("ca_file", options.ca_file);
  if (!options.certificate_file.empty()) {
    if (SSL_CTX_use_certificate_chain_file(context_, options.certificate_file.c_str()) != 1)
      return unusable("certificate_file", options.certificate_file);
    if (SSL_CTX_use_PrivateKey_file(context_, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1)
      return unusable("key_file", options.key_file);
  }
  X509_VERIFY_PARAM* const wanted = SSL_CTX_get0_param(context_);
  int set = 0;
  if (is_numeric_host(options.host)) {
    set = X509_VERIFY_PARAM_set1_ip_asc(wanted, options.host.c_str());
  } else {
    server_name_ = options.host;
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    set = X509_VERIFY_PARAM_set1_host(wanted, options.host.data(), options.host.size());
  }
  if (set != 1) return unusable("host", options.host);
  return success();
}

void MqttTls::hear_last_words(int descriptor) {
  if (session_ == nullptr || !alert_.empty()) return;
  char nothing = 0;
  if (SSL_set_fd(session_, descriptor) == 1) SSL_read(session_, &nothing, 1);
  ERR_clear_error();
}

int MqttTls::on_verify(int good, X509_STORE_CTX* store) {
  if (good == 1) return 1;
  const auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* self = static_cast<MqttTls*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  if (self->untrusted_.empty())
    self->untrusted_ = X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
  return 0;
}

void MqttTls::on_info(const SSL* ssl, int where, int value) {
  auto* self = static_cast<MqttTls*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  if ((where & SSL_CB_HANDSHAKE_START) != 0 && SSL_is_init_finished(ssl) == 0) {
    if (self->session_ == nullptr) {
      self->session_ = const_cast<SSL*>(ssl);
      SSL_up_ref(self->session_);
    }
    // libmosquitto has put the numeric address there that it connects to.
    char* const name = self->server_name_.empty() ? nullptr : self->server_name_.data();
    SSL_ctrl(const_cast<SSL*>(ssl), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name);
  }
  if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && (value >> 8) == SSL3_AL_FATAL)
    self->alert_ = alert_words(value & 0xff);
}

}  // namespace kiln::detail
