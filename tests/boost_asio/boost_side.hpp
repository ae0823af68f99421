#pragma once

#include <hotline/event_emitter.hpp>

#include <cstdint>
#include <memory>

/// A manager over Boost.Asio for a file that includes Asio: with Boost 1.74 the two cannot be in one file, because both have
/// namespaces called `asio_execution_…`.
class boost_side {
 public:
  virtual ~boost_side() = default;
  virtual void poll() = 0;
  [[nodiscard]] virtual std::uint16_t port() = 0;
};

/// A started one that sends what `events` emits.
[[nodiscard]] std::unique_ptr<boost_side> make_boost_side(hotline::event_emitter& events);
