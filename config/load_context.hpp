// What the pieces of the loader share. Private to config/.
#pragma once

#include "config/load.hpp"
#include "config/option_table.hpp"
#include "protocol/client/go_quote.hpp"

#include <set>

namespace troupe::config {

struct load_context {
  server_options& options;
  load_result& out;
  bool has_authorization = false; // the file has such a block, even an empty one
  std::set<std::string> user_ids; // names and public keys of the users read so far
  /// What the parse_environment of the file gives; null where there is none.
  const parse_environment* env = nullptr;

  void error(const value& at, std::string text) { out.errors.push_back({at.at, std::move(text)}); }
  /// The text is Go's for a field used in a way that still works.
  void warn(const value& at, std::string_view field, std::string_view reason);
  /// An option that is known but not built: a notice. When it should protect something it is an
  /// error, unless `allow_unsupported` is set.
  void notice(const value& at, const option_row& row);
  void unknown(const value& at, const std::string& key);
  /// The row of a key; null after an error with `text`, or the usual one without.
  const option_row* known(std::string_view block, const std::string& key, const value& at,
                          const std::string& text = {});
  /// "expected int64, got string" in the NATS server's words.
  void wrong_type(const value& at, const char* wanted);

  result<std::string> read_file(const std::string& path) const {
    if (env && env->read_file) return env->read_file(path);
    return troupe::error{errc::unavailable, "open " + path + ": no such file or directory"};
  }

  /// Users join those of other blocks; a name or key that is taken is an error at `at`.
  void add_users(const value& at, std::vector<user_options> users);

  /// The value as T, or null after an error.
  template <class T>
  const T* expect(const value& v, const char* wanted) {
    auto p = v.get<T>();
    if (!p) wrong_type(v, wanted);
    return p;
  }
  const std::string* text(const value& v) { return expect<std::string>(v, "string"); }
  const bool* boolean(const value& v) { return expect<bool>(v, "bool"); }
  const int64_t* integer(const value& v) { return expect<int64_t>(v, "int64"); }
  const map* block(const value& v) { return expect<map>(v, "map[string]interface {}"); }
};

struct host_port {
  std::string host;
  int port = 0;
};
/// "host:port" or a port alone. An error's context is the server's message.
result<host_port> parse_listen(const value& v);
/// Of ASCII.
std::string lower(std::string text);
/// As a duration that fits.
nanoseconds seconds_of(int64_t n);
/// Seconds, whole or not, or a duration. An error's context: what is wrong with that; `other` for
/// what is neither.
result<double> read_seconds(const value& v, const char* other = "wrong type");

/// Checks an option that has no loader of its own, and whatever is in it: names, types, values.
void check_option(load_context& ctx, const option_row& row, const std::string& key, const value& v);
void check_block(load_context& ctx, const value& v, std::string_view block);

/// A list of users, each with its permissions.
std::vector<user_options> load_users(load_context& ctx, const value& v);
/// For those without permissions of their own.
void apply_default_permissions(std::vector<user_options>& users,
                               const std::optional<permissions>& defaults);
/// A text, or a list of texts; what is no text is an error. `what` names the option in it.
std::vector<std::string> load_text_list(load_context& ctx, const value& v, std::string_view what);

/// Seconds that credentials may take, a number or a duration; nothing after an error. `block` names
/// the block in it.
std::optional<double> load_auth_seconds(load_context& ctx, const value& v, const std::string& key,
                                        std::string_view block);
/// The authorization block -> options.authorization.
void load_authorization(load_context& ctx, const value& v);
/// A permissions block of a user, or of all users.
std::optional<permissions> load_permissions(load_context& ctx, const value& v);
/// The accounts block -> options.accounts and options.authorization.users. After load_authorization.
void load_accounts(load_context& ctx, const value& v);
/// Exports and imports of one account.
std::vector<export_options> load_exports(load_context& ctx, const value& v);
std::vector<import_options> load_imports(load_context& ctx, const value& v);
/// Puts in what functions of accounts in exports and imports stand for; `at`: the accounts block.
void fill_in_account_functions(load_context& ctx, const value& at);
/// Whether imports find their exports and form no cycle; `at`: the accounts block.
void check_accounts(load_context& ctx, const value& at);
/// Subject mappings of one account, in the order of their sources, functions of accounts filled in.
std::vector<subject_mapping> load_mappings(load_context& ctx, const value& v, std::string_view account);
/// The options of operator mode -> options.operators. False: it is none of them.
bool load_operators(load_context& ctx, std::string_view name, const value& v);
/// What an operator's claim says where the file is silent. After all options.
void finish_operators(load_context& ctx);
/// A tls block, of whatever listener; nothing if it is none.
std::optional<tls_options> load_tls(load_context& ctx, const value& v);
/// What a tls block says of clients' certificates; nothing after an error.
std::optional<ocsp_peer_options> load_ocsp_peer(load_context& ctx, const value& v);
/// The ocsp_cache option -> options.ocsp_cache.
void load_ocsp_cache(load_context& ctx, const value& v);
/// The ocsp option -> options.ocsp.
void load_ocsp(load_context& ctx, const value& v);
/// How long a client may take to log in where nobody says: with TLS, its handshake comes first.
void fill_auth_timeout(server_options& options);
/// The proxies block -> options.trusted_proxies.
void load_proxies(load_context& ctx, const value& v);
/// The websocket block -> options.websocket.
void load_websocket(load_context& ctx, const value& v);
/// Whether a jetstream option switches it on.
bool jetstream_enabled(const value& v);
/// What a whole file says of parts that are not built.
declared_parts read_declared(const value& root);
/// What has to fit together in the authorization of leaf nodes, and in each of their remotes.
void check_leaf_authorization(load_context& ctx, const std::string& key, const value& v);
void check_leaf_remotes(load_context& ctx, const std::string& key, const value& v);

} // namespace troupe::config
