#pragma once
// One command on an SSH connection: its channel, its input, its output, its lease. Private to io/ (the shell
// in libssh_shell.cc asks for it). Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "io/shell.h"
#include "io/ssh_connection.h"

namespace kiln::detail {

/// `connection` is logged in. `sent` becomes true when the host may have started the command.
boost::asio::awaitable<Result<CommandResult>> run_ssh_command(const Ctx& ctx,
                                                              std::shared_ptr<SshConnection> connection,
                                                              Command command, std::shared_ptr<bool> sent);

}  // namespace kiln::detail
