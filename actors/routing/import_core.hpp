// What an account imports, as routing uses it: which filters of another account a subscription
// reaches too, and which requests are another account's to answer.
//
// Pure. Made from the checked options of the importing account and of those it imports from; what
// is no longer exported is left out. Thread: immutable, any.
#pragma once

#include <bitset>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/options.hpp"
#include "protocol/subject/transform.hpp"

namespace troupe::routing {

/// The filter that matches what both match; nothing if no subject matches both.
std::optional<std::string> common_filter(std::string_view a, std::string_view b);

/// A stream of another account, seen under a filter of this one.
struct stream_import {
  std::string exporter;
  std::string from;  // filter there
  std::string to;    // filter here
  bool allow_trace = false;

  /// The filter there of what a subscription to `filter` sees here; nothing if it sees none of it.
  std::optional<std::string> filter_there(std::string_view filter) const;
  /// The subject here of a message that was published there.
  std::optional<std::string> subject_here(std::string_view subject) const;

  std::optional<subject_transform> here, there;  // absent: the same, or a literal subject
};

/// A service of another account, asked for under a filter of this one.
struct service_import {
  std::string exporter;
  std::string to;       // filter here
  std::string subject;  // filter there
  bool share = false;   // the responder learns who asks
  config::response_type response = config::response_type::single;
  config::nanoseconds threshold{};
  std::optional<config::latency_options> latency;
  bool allow_trace = false;

  /// The subject there of a request to `subject` here; nothing if there is none.
  std::optional<std::string> subject_there(std::string_view subject) const;

  std::optional<subject_transform> there;  // absent: the same, or a literal subject
};

class import_table {
public:
  /// Finds the options of the account of that name; nullptr: there is none.
  using account_lookup = std::function<const config::account_options*(const std::string&)>;

  import_table() = default;
  /// `system` is the name of the system account, empty for none: every account may ask it about
  /// itself.
  import_table(const config::account_options& importer, const account_lookup& find,
               const std::string& system);

  const std::vector<stream_import>& streams() const { return streams_; }
  const std::vector<service_import>& services() const { return services_; }
  bool empty() const { return streams_.empty() && services_.empty(); }

  /// Cheap: false for most subjects that no service import is about.
  bool may_serve(std::string_view subject) const {
    return !subject.empty() && first_bytes_[static_cast<unsigned char>(subject[0])];
  }
  /// Calls f(const service_import&) for each that a request to the literal `subject` concerns.
  template <class F>
  void for_each_service(std::string_view subject, F&& f) const {
    if (auto it = literal_.find(subject); it != literal_.end())
      for (size_t i : it->second) f(services_[i]);
    for (size_t i : wildcard_)
      if (matches_filter(subject, services_[i].to)) f(services_[i]);
  }

private:
  struct text_hash {
    using is_transparent = void;
    size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };

  void add_stream(const config::import_options& i, const config::account_options& exporter);
  void add_service(const config::import_options& i, const config::account_options& exporter);
  void add_system(const std::string& importer, const std::string& system);
  void index(service_import&& s);

  std::vector<stream_import> streams_;
  std::vector<service_import> services_;
  std::unordered_map<std::string, std::vector<size_t>, text_hash, std::equal_to<>> literal_;
  std::vector<size_t> wildcard_;
  std::bitset<256> first_bytes_;
};

} // namespace troupe::routing
