#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/socket/native_socket.hpp>
#include <hotline/transport/socket/native_types.hpp>
#include <hotline/transport/traffic/early_input.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

namespace hotline::detail {

/// The result of sending bytes through a layer.
struct layer_output {
  std::size_t taken = 0;
  bool all = true;    ///< all bytes were taken
  bool busy = false;  ///< the socket has no room: `flush` when it has
  std::error_code failed{};
};

/// The result of receiving bytes through a layer.
struct layer_input {
  std::span<char> bytes{};  ///< for the receiver; in a buffer of the loop's
  std::string_view rest{};  ///< raw bytes that were not looked at yet: read these first the next time
  bool busy = false;        ///< as of `layer_output`: reading may cause answers
  bool ended = false;       ///< the peer's direction, in good order as far as the layer knows
  bool drained = false;     ///< the socket has no more for now: the system reports when more comes
  std::error_code failed{};
};

/// The layer between a connection and its socket that does nothing. A layer is a member of each connection and does all
/// sending and reading. The other one is `tls_layer`; both have the members below. `socket` does not block.
class plain_layer {
 public:
  /// Whether `on_open` comes only after a handshake.
  static constexpr bool shakes_hands = false;
  /// Whether the connections are those that we begin.
  static constexpr bool dials = false;

  /// State that the connections of one loop share.
  class shared {
   public:
    std::error_code prepare(std::size_t read_buffer_bytes) {
      buffer.resize(read_buffer_bytes);
      return {};
    }

    /// For what a socket brings before the layer is asked.
    [[nodiscard]] std::span<char> reading_room() noexcept { return buffer; }

    std::vector<char> buffer;
  };

  [[nodiscard]] static std::error_code begin(shared&) noexcept { return {}; }
  [[nodiscard]] static bool is_established() noexcept { return true; }
  static void drop(shared&) noexcept {}
  /// Whether `receive` has something to tell although the socket may have nothing.
  [[nodiscard]] static bool has_input() noexcept { return false; }

  static layer_output send(shared&, native_handle socket, std::span<const std::string_view> spans) {
    if (spans.size() == 1)  // mostly: and a plain send costs the kernel less than a gathering one
      return send_some(socket, spans.front());
    layer_output out;
    while (!spans.empty() && out.all) {
      const auto some = spans.first(std::min(spans.size(), native_socket::most_spans));
      spans = spans.subspan(some.size());
      std::size_t offered = 0;
      for (const std::string_view bytes : some) offered += bytes.size();
      const std::size_t before = out.taken;
      out = result_of(native_socket::send(socket, some), offered);
      out.taken += before;
    }
    return out;
  }

  static layer_output flush(shared&, native_handle) noexcept { return {}; }

  /// The last words before our FIN.
  static layer_output end(shared&, native_handle) noexcept { return {}; }

  /// Raw bytes come from `early` first, then from the socket.
  static layer_input receive(shared& s, native_handle socket, early_input& early) {
    layer_input in;
    const received_bytes read = read_raw(socket, early, s.buffer);
    in.bytes = std::span(s.buffer.data(), read.count);
    in.ended = read.ended;
    in.drained = read.drained;
    in.failed = read.failed;
    return in;
  }

  static received_bytes read_raw(native_handle socket, early_input& early, std::span<char> into) noexcept {
    return early ? received_bytes{early.take(into), false, false, {}} : native_socket::receive(socket, into);
  }

  static layer_output send_some(native_handle socket, std::string_view bytes) noexcept {
    return result_of(native_socket::send(socket, bytes), bytes.size());
  }

 private:
  [[nodiscard]] static layer_output result_of(const sent_bytes& sent, std::size_t offered) noexcept {
    layer_output out;
    out.taken = sent.count;
    out.failed = sent.failed;
    out.all = out.taken == offered;
    out.busy = !out.all && !out.failed;
    return out;
  }
};

}  // namespace hotline::detail
#endif
