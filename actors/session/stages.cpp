#include "actors/session/stages.hpp"

#include "actors/reactor/tls_transport.hpp"
#include "actors/session/websocket_stage.hpp"

namespace troupe {

const tls_context_ptr& tls_of(const node_policy& policy, listener_kind kind) {
  const websocket_policy* own = policy.for_websocket(kind);
  return own ? own->tls : policy.tls;
}

opening_rules opening_rules_of(const node_policy& policy, listener_kind kind) {
  opening_rules rules;
  const tls_context_ptr& tls = tls_of(policy, kind);
  rules.tls = tls != nullptr;
  rules.proxy_header = kind == listener_kind::client && policy.options->proxy_protocol;
  if (const websocket_policy* own = policy.for_websocket(kind)) {
    rules.stages = true;
    rules.info_first = false;
    rules.timeout = own->handshake_timeout;
  } else if (tls) {
    using enum config::handshake_order;
    const config::tls_options& o = tls->options();
    rules.timeout = o.timeout;
    rules.info_first = o.order == after_info;
    rules.allow_plain = policy.options->allow_non_tls;
    if (o.order == first_within_delay) rules.tls_wait = o.first_delay;
  }
  return rules;
}

std::unique_ptr<transport> put_up_stages(const node_policy& policy, listener_kind kind,
                                         bool with_tls, std::unique_ptr<transport> tcp,
                                         std::string peer) {
  if (with_tls) tcp = make_tls_transport(tls_of(policy, kind), std::move(tcp), tls_steps::elsewhere);
  if (!policy.for_websocket(kind)) return tcp;
  return make_websocket_stage(std::move(tcp), policy.websocket, policy.settings.max_payload,
                              std::move(peer));
}

} // namespace troupe
