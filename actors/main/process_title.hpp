// What other users of the machine see of this process: its arguments, without the secrets in them.
#pragma once

namespace troupe {

/// Replaces passwords, tokens and the users of URLs among the arguments, in place, so that `ps` and
/// /proc/<pid>/cmdline no longer show them. Read the arguments before; `argv` changes.
void hide_arguments(int argc, char** argv);

} // namespace troupe
