// Quotes text as Go's %q does, since that is how names stand in the server's error texts.
//
// Pure. Printable characters stay (Go's notion of printable, see go_quote.cpp); a byte that is no
// UTF-8 becomes \xNN; control characters become \a \b \f \n \r \t \v, \xNN, \uNNNN or \UNNNNNNNN.
#pragma once

#include <string>
#include <string_view>

namespace troupe {

/// `text` between double quotes, escaped as by Go's strconv.Quote.
std::string go_quote(std::string_view text);

/// True if Go's strconv.IsPrint holds for the code point.
bool is_go_printable(char32_t rune);

} // namespace troupe
