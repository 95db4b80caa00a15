#pragma once
// A stand-in for systemd-run and systemd-notify on a host without systemd: programs that are put before the
// real ones. Its manager is a process of its own that adopts whatever a service leaves behind, so that it
// finds every process of it as a control group does. What it does with a service is what the properties say.

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace kiln {

/// What the host answers to systemd-run. none: it was booted with something else. old: it does not know a
/// property. deaf: it does not pass the exit status on. hangs: its bus does.
enum class HostSystemd { works, none, old, deaf, hangs };

inline constexpr const char* kSystemdRunForTest = R"py(#!/usr/bin/python3
import ctypes, os, re, select, signal, socket, sys, time
here = os.path.dirname(os.path.abspath(__file__))
mode = open(here + "/systemd.mode").read()
with open(here + "/systemd.asked", "a") as asked: asked.write("\t".join(sys.argv[1:]) + "\n")
if mode == "hangs": time.sleep(600)
if mode == "none": sys.exit("System has not been booted with systemd as init system (PID 1). Can't operate.")
if mode == "old": sys.exit("Unknown assignment: OOMPolicy=continue")
command, properties, folder = sys.argv[1:], {}, "/"
while command[0].startswith("-"):
    option = command.pop(0)
    if option == "-p": properties.update([command.pop(0).split("=", 1)])
    elif option.startswith("--working-directory="): folder = option.split("=", 1)[1]
    elif option not in ("--system", "--user", "--quiet", "--pipe", "--wait", "--collect"): sys.exit("Unknown " + option)
command = [re.sub(r"\$\{\w*\}", "", word).replace("$$", "$") for word in command]  # as in ExecStart=
reader, writer = os.pipe()
if os.fork():
    os.close(writer)
    said = os.read(reader, 8)
    sys.exit(0 if mode == "deaf" else int(said or b"1"))
os.setsid()
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
path = "%s/notify.%d" % (here, os.getpid())
ear.bind(path)
silence = float(properties["WatchdogSec"].removesuffix("s"))
main = os.fork()
if main == 0:
    os.setsid()
    os.chdir(folder)
    os.umask(int(properties["UMask"], 8))
    ear.close()
    os.execvpe(command[0], command, {"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": path, "LANG": "of the manager"})
for standard in range(3): os.dup2(os.open("/dev/null", os.O_RDWR), standard)
def reap():
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0: return None
            if pid == main: return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 255
    except ChildProcessError: return 255
def kill_all(how):
    family, more = {os.getpid()}, True
    while more:
        more = False
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try: parent = int(open("/proc/%s/stat" % entry).read().rsplit(")", 1)[1].split()[1])
            except OSError: continue
            if parent in family and int(entry) not in family:
                family.add(int(entry))
                more = True
    for pid in family - {os.getpid()}:
        try: os.kill(pid, how)
        except ProcessLookupError: pass  # ended meanwhile, of itself or by the lease's own watcher
ended, heard = None, time.monotonic()
while ended is None:
    if select.select([ear], [], [], 0.02)[0] and ear.recv(99) == b"WATCHDOG=1" and properties["NotifyAccess"] == "all":
        heard = time.monotonic()
    ended = reap()
    if ended is None and time.monotonic() - heard > silence:
        ended = 1
        os.kill(main, getattr(signal, properties["WatchdogSignal"]))
while properties["KillMode"] == "control-group":
    kill_all(getattr(signal, properties["KillSignal"]))
    reap()
    if not open("/proc/self/task/%d/children" % os.getpid()).read(): break
    time.sleep(0.01)
os.unlink(path)
os.write(writer, b"%d" % ended)
)py";

inline constexpr const char* kSystemdNotifyForTest = R"py(#!/usr/bin/python3
import os, socket, sys
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(sys.argv[1].encode(), os.environ["NOTIFY_SOCKET"])
)py";

inline void write_program(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << text;
  ::chmod(path.c_str(), 0755);
}

/// `folder`: first in the PATH of the host's commands. What was asked of systemd-run is in systemd.asked
/// there.
inline void put_systemd(const std::filesystem::path& folder, HostSystemd how) {
  constexpr const char* kModes[] = {"works", "none", "old", "deaf", "hangs"};
  std::ofstream(folder / "systemd.mode") << kModes[static_cast<int>(how)];
  std::ofstream(folder / "systemd.asked", std::ios::trunc).flush();
  write_program(folder / "systemd-run", kSystemdRunForTest);
  write_program(folder / "systemd-notify", kSystemdNotifyForTest);
}

}  // namespace kiln
