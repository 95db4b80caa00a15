#pragma once
// The shell of a virtual host: reads one command line and builds the commands it names.
// Understood: words with '…', "…" and \; NAME=value before a command; && || ; between commands; 2>&1,
// 2>/dev/null,
// >/dev/null; timeout, sudo, env, nice and stdbuf in front; a shell script that calls itself kiln-lease,
// whose effect is imitated: its command is killed when standard input brings nothing for so many seconds, or
// ends. Anything else answers as bash answers what it cannot run.

#include <memory>
#include <string>

#include "tests_hw/virtual_rack/host_commands/command.h"

namespace kiln::virtual_rack {

/// Never null: what cannot be read or is unknown is a command that says so and ends with bash's status (2 or
/// 127).
std::unique_ptr<Command> interpret(Host host, const std::string& line);

}  // namespace kiln::virtual_rack
