#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/asio_error.hpp>

#include <asio/buffer.hpp>
#include <asio/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
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
  std::error_code failed{};
};

/// The layer between a connection and its socket that does nothing. A layer is a member of each connection and does all
/// sending and reading. The other one is `tls_layer`; both have the members below.
class plain_layer {
 public:
  /// Whether `on_open` comes only after a handshake.
  static constexpr bool shakes_hands = false;

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

  template <class Socket>
  static layer_output send(shared&, Socket& socket, std::span<const std::string_view> spans) {
    if (spans.size() == 1)  // mostly: and a plain send costs the kernel less than a gathering one
      return send_some(socket, asio::buffer(spans.front()), spans.front().size());
    std::array<asio::const_buffer, 64> buffers;  // as many as Asio hands to the kernel at once
    layer_output out;
    for (auto next = spans.begin(); next != spans.end() && out.all;) {
      std::size_t count = 0;
      std::size_t offered = 0;
      for (; next != spans.end() && count < buffers.size(); ++next) {
        buffers[count++] = asio::buffer(*next);
        offered += next->size();
      }
      const std::size_t before = out.taken;
      out = send_some(socket, std::span<const asio::const_buffer>(buffers.data(), count), offered);
      out.taken += before;
    }
    return out;
  }

  template <class Socket>
  static layer_output flush(shared&, Socket&) noexcept {
    return {};
  }

  /// The last words before our FIN.
  template <class Socket>
  static layer_output end(shared&, Socket&) noexcept {
    return {};
  }

  /// `read(buffer, error_code&)` brings raw bytes.
  template <class Socket, class Read>
  static layer_input receive(shared& s, Socket&, const Read& read) {
    layer_input in;
    in.bytes = std::span(s.buffer.data(), read(asio::buffer(s.buffer), in.failed));
    return in;
  }

  template <class Socket, class Buffers>
  static layer_output send_some(Socket& socket, const Buffers& buffers, std::size_t offered) {
    layer_output out;
    if (offered == 0) return out;
    do {
      out.taken = socket.send(buffers, 0, out.failed);
    } while (out.failed == asio::error::interrupted);
    if (is_busy(out.failed)) out.failed = {};
    out.all = out.taken == offered;
    out.busy = !out.all && !out.failed;
    return out;
  }
};

}  // namespace hotline::detail
#endif
