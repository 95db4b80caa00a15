#include "tests_hw/virtual_rack/redfish/sessions.h"

#include <openssl/evp.h>

#include <vector>

#include "tests_hw/virtual_rack/tls_identity.h"

namespace kiln::virtual_rack {
namespace {

std::optional<std::string> decode_base64(const std::string& text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const std::vector<unsigned char> input(text.begin(), text.end());
  std::vector<unsigned char> output(input.size() / 4 * 3 + 1);
  const int size = EVP_DecodeBlock(output.data(), input.data(), static_cast<int>(input.size()));
  if (size < 0) return std::nullopt;
  std::size_t length = static_cast<std::size_t>(size);
  // EVP_DecodeBlock counts the padding as zero bytes.
  for (std::size_t i = text.size(); i > 0 && text[i - 1] == '=' && length > 0; --i) --length;
  return std::string(output.begin(), output.begin() + static_cast<std::ptrdiff_t>(length));
}

}  // namespace

void Sessions::drop_idle(std::uint64_t now_ns) {
  std::erase_if(sessions_, [&](const auto& entry) {
    return now_ns > entry.second.last_use_ns + kIdleSeconds * 1'000'000'000ULL;
  });
}

const ManagerAccount* Sessions::authenticate(const HttpRequest& request, std::uint64_t now_ns) {
  const std::string token = request.header("X-Auth-Token");
  if (!token.empty()) {
    drop_idle(now_ns);
    for (auto& [id, session] : sessions_) {
      if (!same_secret(session.token, token)) continue;
      const ManagerAccount* account = accounts.find(session.account);
      if (account == nullptr || !account->enabled) return nullptr;
      session.last_use_ns = now_ns;
      return account;
    }
    return nullptr;
  }
  const std::string authorization = request.header("Authorization");
  constexpr std::string_view kBasic = "basic ";
  if (authorization.size() <= kBasic.size() || !same_word(authorization.substr(0, kBasic.size()), kBasic)) {
    return nullptr;
  }
  const std::optional<std::string> pair = decode_base64(authorization.substr(kBasic.size()));
  if (!pair) return nullptr;
  const std::size_t colon = pair->find(':');
  if (colon == std::string::npos) return nullptr;
  return accounts.check(pair->substr(0, colon), pair->substr(colon + 1));
}

const Session* Sessions::open(const ManagerAccount& account, std::uint64_t now_ns) {
  drop_idle(now_ns);
  if (sessions_.size() >= kMaxSessions) return nullptr;
  Session session;
  session.id = std::to_string(next_id_++);
  session.token = random_hex(32);
  session.user = account.user;
  session.account = account.id;
  session.created_ns = now_ns;
  session.last_use_ns = now_ns;
  return &sessions_.insert_or_assign(session.id, session).first->second;
}

const Session* Sessions::find(const std::string& id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

bool Sessions::close(const std::string& id) { return sessions_.erase(id) > 0; }

}  // namespace kiln::virtual_rack
