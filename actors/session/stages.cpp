#include "actors/session/stages.hpp"

#include "actors/reactor/tls_transport.hpp"

namespace troupe {

const tls_context_ptr& tls_of(const node_policy& policy, listener_kind kind) {
  static const tls_context_ptr none;
  return kind == listener_kind::client ? policy.tls : none;
}

opening_rules opening_rules_of(const node_policy& policy, listener_kind kind) {
  opening_rules rules;
  if (const tls_context_ptr& tls = tls_of(policy, kind)) {
    using enum config::handshake_order;
    const config::tls_options& o = tls->options();
    rules.tls = true;
    rules.timeout = o.timeout;
    rules.info_first = o.order == after_info;
    rules.allow_plain = policy.options->allow_non_tls;
    if (o.order == first_within_delay) rules.tls_wait = o.first_delay;
  }
  return rules;
}

std::unique_ptr<transport> put_up_stages(const node_policy& policy, listener_kind kind,
                                         bool with_tls, std::unique_ptr<transport> tcp) {
  if (with_tls) tcp = make_tls_transport(tls_of(policy, kind), std::move(tcp));
  return tcp;
}

} // namespace troupe
