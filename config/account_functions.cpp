// Puts in what {{account-hash()}} and its like stand for, in what accounts export and import.
#include "config/load_context.hpp"
#include "protocol/subject/account_functions.hpp"

namespace troupe::config {

namespace {

/// False, with an error, if a subject cannot be filled in.
bool fill(load_context& ctx, const value& at, const std::string& what, const account_names& names,
          std::initializer_list<std::string*> subjects) {
  const std::string first = **subjects.begin();
  for (std::string* subject : subjects) {
    auto filled = fill_account_functions(*subject, names);
    if (!filled) {
      ctx.error(at, "Error adding " + what + " " + go_quote(first) + ": " + filled.error().context);
      return false;
    }
    *subject = std::move(*filled);
  }
  return true;
}

} // namespace

void fill_in_account_functions(load_context& ctx, const value& at) {
  const auto kind = [](bool service) { return std::string(service ? "service" : "stream"); };
  for (account_options& account : ctx.options.accounts) {
    std::erase_if(account.exports, [&](export_options& e) {
      return !fill(ctx, at, kind(e.service) + " export", {account.name}, {&e.subject});
    });
    std::erase_if(account.imports, [&](import_options& i) {
      return !fill(ctx, at, kind(i.service) + " import", {account.name, i.account},
                   {&i.subject, &i.prefix, &i.to});
    });
  }
}

} // namespace troupe::config
