#include "tests_hw/virtual_rack/options.h"

#include <CLI/CLI.hpp>

#include "tests_hw/virtual_rack/rack_model.h"

namespace kiln::virtual_rack {

ParsedOptions parse_options(int argc, char** argv) {
  ParsedOptions parsed;
  ProgramOptions& options = parsed.options;
  CLI::App app("A simulated rack on loopback: HTTPS Redfish BMCs and SSH hosts with physics and faults.",
               "kiln-virtual-rack");
  CLI::Option* rack =
      app.add_option("--rack", options.rack,
                     "small, wide, shelves, nvl72, hgx, servers, or trays:N for N compute trays on one CDU")
          ->check([](const std::string& name) {
            const Status known = check_rack_name(name);
            return known ? std::string() : known.error().sentence();
          })
          ->capture_default_str();
  app.add_option("--product", options.product,
                 "What it is made of: hgx-b200, vera-rubin-nvl72, ...; the rack's own unless given");
  app.add_option("--mockup", options.mockup, "Serve a captured Redfish tree read-only instead")
      ->check(CLI::ExistingDirectory)
      ->excludes(rack);
  app.add_option("--out", options.out, "Directory for rack.yaml, rack.credentials.yaml and firmware images");
  app.add_option("--fault", options.faults, "KIND[:N]@DUT[:PART][+DELAY]; may be given more than once")
      ->take_all()
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--seed", options.seed, "Seed of serial numbers and noise; random when not given");
  app.add_option("--time-scale", options.time_scale,
                 "How many times faster than real time heat and boots run")
      ->check(CLI::Range(0.1, 1000.0));
  app.add_option("--port-base", options.port_base, "First BMC port; hosts follow 100 above, control 99 above")
      ->check(CLI::Range(1024, 65000));
  app.add_option("--parent-pid", options.parent_pid, "End when this process is gone")
      ->check(CLI::PositiveNumber);
  app.add_flag("--exit-with-stdin", options.exit_with_stdin, "End when standard input closes");
  app.add_flag("--no-events", options.no_events, "No BMC has an EventService: they can only be polled");
  app.add_flag("--cooltera", options.cooltera,
               "The CDU is a Cooltera: it serves status.xml in place of Redfish");
  app.add_flag("--firmware-behind", options.firmware_behind,
               "Everything runs one release behind a firmware baseline, which is written with its images");
  app.add_flag("--firmware-current", options.firmware_current,
               "Everything runs what the rack file expects, also what the demo would update")
      ->excludes("--firmware-behind");
  app.add_flag("--powered-on", options.powered_on,
               "Trays start switched on and booted instead of in standby");
  app.add_flag("--list-faults", options.list_faults, "Print what can be broken, and end");
  app.add_flag("--json", options.json, "With --list-faults: as JSON");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    parsed.exit_code = app.exit(error) == 0 ? 0 : 2;
  }
  return parsed;
}

}  // namespace kiln::virtual_rack
