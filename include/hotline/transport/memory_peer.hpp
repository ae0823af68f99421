#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/memory_loop.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace hotline {

/// A client's end of a connection of `memory_transport`, and the weather on the line between. It does what real peers
/// do: reads slowly, stops reading, vanishes. All that it does reaches the server with the transport's next `run()`.
/// Goes on working, with no one at the other end, when the transport is gone.
class memory_peer {
 public:
  memory_peer(std::shared_ptr<detail::memory_loop> loop, std::shared_ptr<memory_connection> connection)
      : loop_(std::move(loop)), connection_(std::move(connection)) {}

  // ------------------------------------------------------------------------------------------ what a client does

  /// Each send arrives as an `on_data` of its own (several if it is long, or chopped). Lost when the line is dead.
  void send(std::string_view bytes) { loop_->send(connection_, bytes); }

  /// Returns the bytes that have arrived and were not taken.
  [[nodiscard]] const std::string& received() const noexcept { return connection_->received_; }

  /// Returns the bytes that have arrived since the last call.
  std::string take() { return std::exchange(connection_->received_, {}); }

  /// FIN: nothing more will be sent. Receiving goes on.
  void close() { loop_->end(connection_); }

  /// RST: both directions end, what is under way is lost.
  void reset() { loop_->cut(connection_); }

  /// Whether the client sees the server's direction ended: its FIN, its reset, or a dead line.
  [[nodiscard]] bool closed_by_server() const noexcept {
    return connection_->ended_ || connection_->closing_ || connection_->reset_;
  }

  /// Whether that end was a reset, as `abort`, a cut line and a refused connection show themselves.
  [[nodiscard]] bool was_reset() const noexcept { return connection_->reset_; }

  // ----------------------------------------------------------------------------------------- slow and broken lines

  /// Reads no more: writes to this client take nothing. Off: as fast as they come, the default.
  void stall(bool on) { loop_->open_window(connection_, on ? 0 : memory_connection::unlimited); }

  /// Reads `bytes` more and then stalls. Replaces what an earlier call left over.
  void window(std::size_t bytes) { loop_->open_window(connection_, bytes); }

  /// Server to client, `bytes` more arrive, then the line is dead. Writes still take more than arrives, as a kernel's do.
  void cut_after(std::size_t bytes) {
    connection_->outbound_left_ = bytes;
    if (bytes == 0) loop_->cut(connection_);
  }

  /// Client to server, of what is sent from here on `bytes` arrive, then the line is dead.
  void cut_inbound_after(std::size_t bytes) {
    connection_->inbound_left_ = bytes;
    if (bytes == 0) loop_->cut(connection_);
  }

  /// From here on, bytes that are sent arrive in pieces of at most `bytes`, which is 1 or more.
  void chop(std::size_t bytes) noexcept { connection_->chunk_ = bytes; }

 private:
  std::shared_ptr<detail::memory_loop> loop_;
  std::shared_ptr<memory_connection> connection_;
};

}  // namespace hotline
#endif
