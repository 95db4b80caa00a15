#pragma once
// The real Shell: libssh, non-blocking, many channels on one session.

#include <memory>
#include <string>

#include "base/secret.h"
#include "io/pool.h"
#include "io/shell.h"

namespace kiln {

struct SshOptions {
  std::string address;
  std::uint16_t port = 22;
  std::string user;
  Secret password;       ///< used when key_file is empty
  std::string key_file;  ///< private key, OpenSSH or PEM format
  std::string host_key;  ///< "ssh-ed25519 AAAA…", the only one accepted; empty is refused
  Nanoseconds connect_timeout{10'000'000'000};
  /// A host under a lease (shell.h) that has answered nothing for so long is given up, "ssh.silent". Longer
  /// than any lease: its own load has ended by then.
  Nanoseconds answer_within{20'000'000'000};
};

/// `handshakes` bounds key exchanges in flight on this station (they cost 0.7 ms of the loop each); it and
/// `loop` must outlive the shell.
std::unique_ptr<Shell> make_libssh_shell(Loop& loop, Pool& handshakes, SshOptions options);

}  // namespace kiln
