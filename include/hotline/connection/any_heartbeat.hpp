#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>

#include <chrono>
#include <concepts>
#include <memory>
#include <utility>

namespace hotline::detail {

/// A heartbeat policy of any type, so that nothing but the manager's constructor depends on the type. Move-only; for
/// one loop.
///
///     const any_heartbeat policy{interval_heartbeat(std::chrono::seconds{30}, std::chrono::seconds{90})};
///     if (policy(query) == heartbeat_action::ping) ping();
class any_heartbeat {
 public:
  template <class Policy>
  requires(!std::same_as<Policy, any_heartbeat>) && heartbeat_policy<Policy> explicit any_heartbeat(Policy policy)
      : policy_(std::make_unique<const model<Policy>>(std::move(policy))) {}

  /// Returns what is to be done about a connection.
  [[nodiscard]] heartbeat_action operator()(const heartbeat_query& query) const { return policy_->ask(query); }
  /// Returns the interval of pings; zero: no pings.
  [[nodiscard]] std::chrono::milliseconds interval() const { return policy_->interval(); }
  /// Returns the silence after which a peer is given up; zero: never.
  [[nodiscard]] std::chrono::milliseconds timeout() const { return policy_->timeout(); }

 private:
  class face {
   public:
    virtual ~face() = default;
    [[nodiscard]] virtual heartbeat_action ask(const heartbeat_query& query) const = 0;
    [[nodiscard]] virtual std::chrono::milliseconds interval() const = 0;
    [[nodiscard]] virtual std::chrono::milliseconds timeout() const = 0;
  };

  template <class Policy>
  class model final : public face {
   public:
    explicit model(Policy policy) : policy_(std::move(policy)) {}
    [[nodiscard]] heartbeat_action ask(const heartbeat_query& query) const override { return policy_(query); }
    [[nodiscard]] std::chrono::milliseconds interval() const override { return policy_.interval(); }
    [[nodiscard]] std::chrono::milliseconds timeout() const override { return policy_.timeout(); }

   private:
    const Policy policy_;
  };

  std::unique_ptr<const face> policy_;
};

}  // namespace hotline::detail
#endif
