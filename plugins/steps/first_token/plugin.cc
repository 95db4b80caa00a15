#include "sdk/plugin.h"

#include "first_token_steps.h"

KILN_PLUGIN("first_token", "1.0.0", "a model served on the rack: its first token, and tokens under load",
            kiln::first_token::Serve)
