// Exports and imports of all accounts together: accounts that are named exist, imports are allowed
// by an export, and none forms a cycle. Texts, order and rules are the NATS server's.
#include "config/load_context.hpp"
#include "protocol/subject/transform.hpp"

#include <map>
#include <set>
#include <utility>

namespace troupe::config {

namespace {

constexpr size_t max_cycle_depth = 1024;

struct stream_import {
  std::string account, from, to;
};
struct service_import {
  std::string account, from, to; // `from` is the local subject
};

/// What one account has exported and imported so far.
struct tree_node {
  std::map<std::string, const export_options*> streams, services;
  std::vector<stream_import> stream_imports;
  std::vector<service_import> service_imports;
};

using tree = std::map<std::string, tree_node>;

/// A search for cycles: the accounts that lead to where it is, and what was looked at before, which is looked at once.
struct walk {
  std::set<std::string> accounts;
  std::set<std::pair<std::string, std::string>> seen;
};

/// An empty text: fine.
using verdict = std::string;

constexpr char forms_cycle[] = "import forms a cycle";
constexpr char too_deep[] = "search cycle depth exhausted";
constexpr char bad_subject[] = "sublist: invalid subject";

class checker {
public:
  checker(load_context& ctx, const value& at) : ctx_(ctx), at_(at) {
    for (auto& account : ctx.options.accounts)
      tree_[account.name];
  }

  void run() {
    auto& accounts = ctx_.options.accounts;
    for (bool service : {false, true})
      for (auto& account : accounts)
        for (auto& e : account.exports)
          if (e.service == service) add_export(tree_[account.name], e);
    for (bool service : {false, true})
      for (auto& account : accounts)
        for (auto& i : account.imports)
          if (i.service == service) add_import(account.name, i);
  }

private:
  void error(std::string text) { ctx_.error(at_, std::move(text)); }

  void add_export(tree_node& account, const export_options& e) {
    auto kind = std::string(e.service ? "service" : "stream") + " export";
    for (auto& name : e.accounts)
      if (!tree_.contains(name)) error(go_quote(name) + " account not defined for " + kind);
    if (e.account_token_position > 0
        && token_at(e.subject, e.account_token_position) != any_token)
      return error("Error adding " + kind + " " + go_quote(e.subject) + ": " + bad_subject);
    (e.service ? account.services : account.streams)[e.subject] = &e;
    if (e.service && e.latency) check_latency(account, e);
  }

  void check_latency(const tree_node& account, const export_options& e) {
    auto where = "Error adding service latency sampling for " + go_quote(e.subject);
    if (ctx_.options.no_system_account) return error(where + ": system account not setup");
    auto& results = e.latency->subject;
    verdict why;
    if (!is_valid_publish_subject(results) || find_export(account.services, results))
      why = "invalid publish subject";
    else if (e.response != response_type::single) why = "bad service response type";
    if (!why.empty()) error(where + " on subject " + go_quote(results) + ": " + why);
  }

  static const export_options* find_export(
      const std::map<std::string, const export_options*>& exports, const std::string& subject) {
    if (auto it = exports.find(subject); it != exports.end()) return it->second;
    for (auto& [exported, e] : exports)
      if (is_subset_match(subject, exported)) return e;
    return nullptr;
  }

  /// Whether an export lets that account import the subject.
  static bool allowed(const std::map<std::string, const export_options*>& exports,
                      const std::string& subject, const std::string& importer) {
    auto e = find_export(exports, subject);
    if (!e) return false;
    if (e->account_token_position > 0)
      return e->subject != subject && token_at(subject, e->account_token_position) == importer;
    return !e->restricted
           || std::find(e->accounts.begin(), e->accounts.end(), importer) != e->accounts.end();
  }

  void add_import(const std::string& importer, const import_options& i) {
    auto kind = std::string(i.service ? "service" : "stream") + " import";
    if (!tree_.contains(i.account))
      return error(go_quote(i.account) + " account not defined for " + kind);
    auto why = i.service ? add_service(importer, i) : add_stream(importer, i);
    if (!why.empty()) error("Error adding " + kind + " " + go_quote(i.subject) + ": " + why);
  }

  verdict add_stream(const std::string& importer, const import_options& i) {
    auto& exporter = tree_[i.account];
    if (!is_valid_subject(i.subject) || !allowed(exporter.streams, i.subject, importer))
      return "stream import not authorized";
    auto to = i.to.empty() ? i.subject : i.to;
    if (!i.prefix.empty()) {
      if (has_wildcard(i.prefix)) return "stream import prefix can not contain wildcard tokens";
      to = i.prefix + (i.prefix.back() == token_separator ? "" : ".") + i.subject;
    }
    for (auto& subject : {to, i.subject}) {
      walk way{{importer}, {}};
      if (auto why = stream_cycle(i.account, subject, way); !why.empty()) return why;
    }
    if (has_wildcard(i.subject) && to != i.subject) {
      auto transform = subject_transform::make(i.subject, with_placeholders(to),
                                               subject_transform::kind::reversible);
      if (!transform)
        return "failed to create mapping transform for stream import subject from "
               + go_quote(i.subject) + " to " + go_quote(to) + ": " + transform.error().context;
      to = without_placeholders(to);
    }
    auto& imports = tree_[importer].stream_imports;
    for (auto& other : imports)
      if (other.account == i.account && other.from == i.subject)
        return "stream import already exists";
    imports.push_back({i.account, i.subject, to});
    return {};
  }

  verdict add_service(const std::string& importer, const import_options& i) {
    auto from = i.to, to = i.subject;
    if (!is_valid_subject(from) || !is_valid_subject(to)) return bad_subject;
    if (!allowed(tree_[i.account].services, to, importer)) return "service import not authorized";
    walk way{{importer}, {}};
    auto local = has_wildcard(to) ? without_placeholders(from) : from;
    if (auto why = service_cycle(i.account, local, way); !why.empty()) return why;
    auto& imports = tree_[importer].service_imports;
    for (auto& other : imports)
      if (other.account == i.account && other.from == from)
        return "duplicate service import subject " + go_quote(from)
               + ", previously used in import for account " + go_quote(other.account)
               + ", subject " + go_quote(other.to);
    if (has_wildcard(to) && to != from) {
      to = without_placeholders(to);
      auto transform = subject_transform::make(to, with_placeholders(from),
                                               subject_transform::kind::reversible);
      if (!transform)
        return "failed to create mapping transform for service import subject from "
               + go_quote(from) + " to " + go_quote(to) + ": " + transform.error().context;
      from = without_placeholders(from);
    }
    imports.push_back({i.account, from, to});
    return {};
  }

  /// Whether what `account` exports as `subject` comes, by imports of its own, from somebody on the way. Two ways to
  /// one account are no cycle: the NATS server calls them one if it happens to look at them in that order.
  verdict stream_cycle(const std::string& account, const std::string& subject, walk& way) {
    auto& node = tree_[account];
    bool exported = false;
    for (auto& [own, e] : node.streams)
      exported = exported || subjects_collide(subject, own);
    if (!exported) return {};
    return follow(account, subject, way, node.stream_imports, [&](const stream_import& i) {
      return stream_cycle(i.account, is_subset_match(i.to, subject) ? i.to : subject, way);
    });
  }

  verdict service_cycle(const std::string& account, const std::string& subject, walk& way) {
    return follow(account, subject, way, tree_[account].service_imports, [&](const service_import& i) {
      return service_cycle(i.account, is_subset_match(i.from, subject) ? i.from : subject, way);
    });
  }

  template <class Import, class Next>
  static verdict follow(const std::string& account, const std::string& subject, walk& way,
                        const std::vector<Import>& imports, Next next) {
    if (way.accounts.size() >= max_cycle_depth) return too_deep;
    if (!way.seen.insert({account, subject}).second) return {};
    const bool entered = way.accounts.insert(account).second;
    verdict why;
    for (auto& i : imports) {
      if (!subjects_collide(subject, i.to)) continue;
      why = way.accounts.contains(i.account) ? forms_cycle : next(i);
      if (!why.empty()) break;
    }
    if (entered) way.accounts.erase(account);
    return why;
  }

  load_context& ctx_;
  const value& at_;
  tree tree_;
};

} // namespace

void check_accounts(load_context& ctx, const value& at) { checker(ctx, at).run(); }

} // namespace troupe::config
