#include "event_log_steps.h"

KILN_PLUGIN("event_log", "1.1.0", "the BMC's own event logs, before a run, beside it and after it",
            kiln::event_log::Before, kiln::event_log::Watch, kiln::event_log::After)
