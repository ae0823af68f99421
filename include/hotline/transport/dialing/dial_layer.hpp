#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/dialer.hpp>
#include <hotline/transport/dialing/dial_desk.hpp>
#include <hotline/transport/traffic/plain_layer.hpp>

#include <string_view>

namespace hotline::detail {

/// The part of its layer that every connection has which we begin.
struct dialed : dial_attempt {
  static constexpr bool dials = true;

  bool is_connecting = true;
};

/// The layer of a connection that we begin, without TLS. The other one is `tls_dial_layer`; both have `greet` and `detail`
/// beside the members of `plain_layer`.
class dial_layer : public plain_layer, public dialed {
 public:
  using dialed::dials;

  /// The socket is connected. From here on it shakes hands, as `options` say.
  [[nodiscard]] static layer_output greet(shared&, int /*socket*/, const dial_options& /*options*/) noexcept {
    return {};
  }

  /// For `dial_failure`.
  [[nodiscard]] static std::string_view detail() noexcept { return {}; }
};

}  // namespace hotline::detail
#endif
