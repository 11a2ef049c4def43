// TLS as a stage of a connection, over whatever transport is below it.
//
// OpenSSL reads from the stage below directly and keeps what is no whole record yet; what it writes
// is gathered per call and handed down at once. What the socket does not take waits here: at most
// what one call encrypted, for a further call takes nothing before that is gone.
#pragma once

#include <memory>

#include "actors/reactor/tls_context.hpp"
#include "actors/reactor/tls_session.hpp"
#include "actors/reactor/transport.hpp"

namespace troupe {

/// Where the costly steps of a handshake are done: at once, or by whoever takes them (take_step).
enum class tls_steps : unsigned char { here, elsewhere };

/// The server's side. `tls` stays alive with the connection.
std::unique_ptr<transport> make_tls_transport(tls_context_ptr tls, std::unique_ptr<transport> below,
                                              tls_steps steps = tls_steps::here);

} // namespace troupe
