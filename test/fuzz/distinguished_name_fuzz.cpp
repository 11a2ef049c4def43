// Names of certificates: any text is a name or none; a name compares equal to itself in any order of
// its steps; a subject printed as Go prints it reads back as the name that it is.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/auth/distinguished_name.hpp"

namespace {

using namespace troupe;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

/// Attributes out of the input: a byte chooses the kind and the step, the rest up to a NUL is text.
certificate_subject subject_of(std::string_view rest) {
  static constexpr std::string_view kinds[] = {"2.5.4.3", "2.5.4.11", "2.5.4.10",
                                               "0.9.2342.19200300.100.1.25", "1.2.3"};
  certificate_subject out;
  while (!rest.empty()) {
    const auto choice = static_cast<unsigned char>(rest.front());
    rest.remove_prefix(1);
    const size_t end = rest.find('\0');
    subject_attribute a{std::string(kinds[choice % 5]), std::string(rest.substr(0, end))};
    a.is_text = choice < 200;
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (out.empty() || choice % 2 == 0) out.emplace_back();
    out.back().push_back(std::move(a));
  }
  return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (const auto name = parse_distinguished_name(text)) {
    require(!name->steps.empty());
    require(same_name(*name, *name));
    distinguished_name turned = *name;
    std::reverse(turned.steps.begin(), turned.steps.end());
    require(same_steps(*name, turned) && same_steps(turned, *name));
  }
  const certificate_subject subject = subject_of(text);
  domain_components_text(subject);
  full_subject_text(subject);
  const std::string known = known_subject_text(subject);
  // One common name of one step: what was printed names the same.
  if (subject.size() == 1 && subject[0].size() == 1 && subject[0][0].is_text
      && !subject[0][0].value.empty() && known.starts_with("CN=")
      // Go prints an equal sign as it is, and reads it as the end of an attribute's type.
      && subject[0][0].value.find('=') == std::string::npos) {
    const auto read = parse_distinguished_name(known);
    const auto own = name_of(subject);
    require(own.has_value());
    // A value that begins with '#' is printed escaped, which is no BER.
    require(read && same_name(*read, *own));
  }
  return 0;
}
