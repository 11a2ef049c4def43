#include "actors/auth/zone_files.hpp"

#include <ctime>

#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>

#include "protocol/time_zone.hpp"

namespace troupe {

namespace {

constexpr const char* folder = "/usr/share/zoneinfo/";
constexpr size_t zones_max = 1024;  // more than there are

struct known_zones {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<const time_zone>, std::less<>> by_name;
};

std::shared_ptr<const time_zone> read_zone(const std::string& name) {
  if (!is_zone_name(name)) return nullptr;
  std::ifstream file(folder + name, std::ios::binary);
  if (!file) return nullptr;
  std::ostringstream text;
  text << file.rdbuf();
  auto zone = time_zone::parse(text.str());
  return zone ? std::make_shared<const time_zone>(std::move(*zone)) : nullptr;
}

int64_t local_offset(int64_t unix_s) {
  const auto t = static_cast<std::time_t>(unix_s);
  std::tm local{};
  ::localtime_r(&t, &local);
  return local.tm_gmtoff;
}

} // namespace

zone_offset system_zones() {
  return [known = std::make_shared<known_zones>()](std::string_view name,
                                                   int64_t unix_s) -> std::optional<int64_t> {
    if (name.empty() || name == "Local") return local_offset(unix_s);
    if (name == "UTC") return 0;
    std::lock_guard lock(known->mutex);
    auto it = known->by_name.find(name);
    if (it == known->by_name.end()) {
      if (known->by_name.size() >= zones_max) known->by_name.clear();
      it = known->by_name.emplace(std::string(name), read_zone(std::string(name))).first;
    }
    if (!it->second) return {};
    return it->second->offset_at(unix_s);
  };
}

} // namespace troupe
