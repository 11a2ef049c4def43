// Names of people and machines in certificates (RFC 4514), and how users of the configuration are
// found by them, as the NATS server does it.
//
// Pure. Text is hostile: whatever it is, parsing it ends with a name or with nothing, in linear time.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// Longer texts, and names of more parts, are no names: a subject has a handful of short ones.
inline constexpr size_t max_name_text_bytes = 16 * 1024;
inline constexpr size_t max_name_parts = 256;

struct name_attribute {
  std::string type;  // "CN", "OU", ... as written; its case does not matter
  std::string value;
};

/// Attributes that are one step of a name; mostly one.
using relative_name = std::vector<name_attribute>;

/// From the most specific step to the least: "CN=a,OU=b,O=c".
struct distinguished_name {
  std::vector<relative_name> steps;
};

/// Reads the text of a name. Nothing: it is none.
std::optional<distinguished_name> parse_distinguished_name(std::string_view text);

/// The same steps in the same order. Within a step the order does not matter.
bool same_name(const distinguished_name& a, const distinguished_name& b);
/// The same steps in any order.
bool same_steps(const distinguished_name& a, const distinguished_name& b);

// -- subjects of certificates ----------------------------------------------------------------------

struct subject_attribute {
  std::string oid;      // "2.5.4.3"
  std::string value;    // UTF-8, or what stands in the certificate if it is no text
  bool is_text = true;
  unsigned char tag = 12;  // of ASN.1, where it is no text
};

/// In the certificate's own order: from the least specific step to the most.
using certificate_subject = std::vector<std::vector<subject_attribute>>;

/// The whole subject as a name. Nothing: an attribute has no name here, or is no text.
std::optional<distinguished_name> name_of(const certificate_subject& subject);
/// As Go prints a subject: its nine well-known kinds of attributes, joined by kind, last first.
std::string known_subject_text(const certificate_subject& subject);
/// The same with all other attributes behind it, by number: what monitoring shows.
std::string full_subject_text(const certificate_subject& subject);
/// "DC=a,DC=b", in the certificate's order; empty without any.
std::string domain_components_text(const certificate_subject& subject);

/// What a client's certificate says of its owner.
struct certificate_identity {
  std::vector<std::string> emails, dns_names, uris;  // alternative names
  certificate_subject subject;

  bool empty() const {
    return emails.empty() && dns_names.empty() && uris.empty() && subject.empty();
  }
};

} // namespace troupe
