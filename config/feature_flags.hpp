// The named switches of the NATS server of config::compatible_version, and what a configuration
// makes of them.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>

namespace troupe::config {

struct feature_flag {
  std::string_view name;
  bool default_on;
};

inline constexpr std::array<feature_flag, 4> feature_flags{{{"js_ack_fc_v2", false},
                                                            {"js_api_reply_v2", false},
                                                            {"js_raft_delete_range", true},
                                                            {"js_snapshot_sources", false}}};

/// Every known flag; those of the configuration win, unknown ones are left out.
inline std::map<std::string, bool> merged_feature_flags(const std::map<std::string, bool>& configured) {
  std::map<std::string, bool> out;
  for (const feature_flag& flag : feature_flags) {
    auto found = configured.find(std::string(flag.name));
    out[std::string(flag.name)] = found != configured.end() ? found->second : flag.default_on;
  }
  return out;
}

} // namespace troupe::config
