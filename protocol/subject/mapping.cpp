#include "protocol/subject/mapping.hpp"

#include <algorithm>
#include <set>

namespace troupe {

namespace {

error refused(std::string why) { return {errc::malformed, std::move(why)}; }

} // namespace

/// Adds what is left of 100 to the source and turns weights into bounds.
result<void> mapping_set::finish(const mapping& m, bool source_listed, choice& list) {
  int total = 0;
  for (const destination& d : list)
    total += d.up_to;
  if (total != 100 && !source_listed) {
    auto stay = subject_transform::make(m.source,
                                        m.literal ? m.source : with_placeholders(m.source));
    if (!stay) return stay.error();
    list.push_back({std::move(*stay), 100 - total});
  }
  std::stable_sort(list.begin(), list.end(),
                   [](const destination& a, const destination& b) { return a.up_to < b.up_to; });
  int sum = 0;
  for (destination& d : list)
    d.up_to = sum += d.up_to;
  return {};
}

result<void> mapping_set::add(std::string_view source,
                              const std::vector<weighted_destination>& destinations) {
  if (!is_valid_subject(source)) return refused("invalid subject");
  mapping m;
  m.source = source;
  m.literal = !has_wildcard(source);
  std::set<std::string_view> seen;
  std::map<std::string_view, int> total;
  for (const weighted_destination& d : destinations) {
    if (!seen.insert(d.subject).second) return refused("duplicate entry for \"" + d.subject + "\"");
    if (d.weight < 0 || d.weight > 100) return refused("individual weights need to be <= 100");
    if ((total[d.cluster] += d.weight) > 100) return refused("total weight needs to be <= 100");
    if (auto valid = validate_mapping(source, d.subject); !valid) return valid;
    auto transform = subject_transform::make(source, d.subject);
    if (!transform) return transform.error();
    choice& list = d.cluster.empty() ? m.anywhere : m.of_cluster[d.cluster];
    list.push_back({std::move(*transform), d.weight});
  }
  const bool source_listed = seen.count(source) > 0;
  if (auto done = finish(m, source_listed, m.anywhere); !done) return done;
  for (auto& [cluster, list] : m.of_cluster) {
    if (auto done = finish(m, source_listed, list); !done) return done;
  }
  auto before = std::find_if(mappings_.begin(), mappings_.end(),
                             [&](const mapping& other) { return other.source == source; });
  if (before != mappings_.end())
    *before = std::move(m);
  else
    mappings_.push_back(std::move(m));
  return {};
}

std::optional<std::string> mapping_set::select(std::string_view subject, std::string_view cluster,
                                               uint64_t chance) const {
  const auto found = std::find_if(mappings_.begin(), mappings_.end(), [&](const mapping& m) {
    return m.literal ? m.source == subject : is_subset_match(subject, m.source);
  });
  if (found == mappings_.end()) return {};
  const auto scoped = found->of_cluster.find(cluster);
  const choice& list = scoped == found->of_cluster.end() ? found->anywhere : scoped->second;
  const int ticket = static_cast<int>(chance % 100);
  for (const destination& d : list) {
    if (ticket < d.up_to) return d.transform.apply(subject, chance).value_or(std::string());
  }
  return std::string();
}

} // namespace troupe
