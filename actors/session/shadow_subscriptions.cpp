#include "actors/session/shadow_subscriptions.hpp"

#include <utility>

#include "actors/routing/message_trace.hpp"

namespace troupe {

class shadow_subscriptions::shadow final : private routing::subscriber {
public:
  shadow(const shadowed_session& session, routing::subscription& primary,
         routing::account_links_ptr links, const routing::stream_import& import,
         routing::account_ptr exporter)
      : session_(session),
        primary_(primary),
        links_(std::move(links)),
        import_(import),
        exporter_(std::move(exporter)) {}
  ~shadow() {
    if (own_) shard().unsubscribe(own_);
  }

  bool subscribe(std::string_view filter, std::string_view queue) {
    own_ = shard().subscribe(this, filter, queue, primary_.sid());
    return own_ != nullptr;
  }

private:
  routing::shard_actor& shard() { return exporter_->shard(session_.reactor); }

  bool deliver(routing::subscription& own, const routing::message& m) override {
    if (m.by_service) return false;
    if (primary_.max != 0 && primary_.delivered >= primary_.max) return false;
    const auto subject = import_.subject_here(m.subject);
    if (!subject) return false;
    routing::message here = m;
    here.subject = *subject;
    std::string filter_there;
    if (m.trace) [[unlikely]] {
      m.trace->stream_exported(session_.shard->account().name, *subject);
      if (!import_.allow_trace && m.trace->only()) return false;
      if (!import_.allow_trace) here.trace = nullptr;
      shard().core().subject_of(own, filter_there);
      here.traced_filter = &filter_there;
    }
    if (!session_.subscriber->deliver(primary_, here)) return false;
    ++own.delivered;
    if (primary_.max != 0 && primary_.delivered >= primary_.max)
      session_.shard->expire_later(primary_);
    return true;
  }
  void expired(routing::subscription&) override {}
  client_id id() const override { return session_.subscriber->id(); }

  shadowed_session session_;
  routing::subscription& primary_;
  routing::account_links_ptr links_;  // import_ is one of theirs
  const routing::stream_import& import_;
  routing::account_ptr exporter_;
  routing::subscription* own_ = nullptr;
};

shadow_subscriptions::shadow_subscriptions() = default;
shadow_subscriptions::~shadow_subscriptions() = default;

void shadow_subscriptions::remove(const routing::subscription& primary) {
  shadows_.erase(&primary);
}

void shadow_subscriptions::add(const shadowed_session& session, routing::subscription& primary,
                               std::string_view filter, std::string_view queue) {
  const routing::account_links_ptr links = session.shard->links();
  if (!links) return;
  for (const routing::stream_import& import : links->imports.streams()) {
    const auto there = import.filter_there(filter);
    if (!there) continue;
    routing::account_ptr exporter = links->exporter(import.exporter);
    if (!exporter) continue;
    auto one = std::make_unique<shadow>(session, primary, links, import, std::move(exporter));
    if (one->subscribe(*there, queue)) shadows_[&primary].push_back(std::move(one));
  }
}

} // namespace troupe
