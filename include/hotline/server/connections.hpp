#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/connection/connection.hpp>
#include <hotline/intrusive_list.hpp>

#include <memory>

namespace hotline::detail {

/// Owns a hub's connections, from their first byte to their last. For one loop.
class connections {
 public:
  connections() noexcept = default;
  connections(const connections&) = delete;
  connections& operator=(const connections&) = delete;
  ~connections() {
    while (connection* const c = all_.pop_front()) delete c;
  }

  /// Takes over a connection. The reference is valid until `remove`.
  connection& add(std::unique_ptr<connection> arrived) noexcept {
    connection& c = *arrived.release();
    all_.push_back(c);
    return c;
  }

  /// Destroys the connection.
  void remove(connection& c) noexcept {
    all_.remove(c);
    const std::unique_ptr<connection> gone(&c);
  }

  [[nodiscard]] bool empty() const noexcept { return all_.empty(); }
  /// Iterates over the connections, the oldest first. During an iteration connections may be added, and none may be
  /// removed.
  [[nodiscard]] auto begin() const noexcept { return all_.begin(); }
  [[nodiscard]] auto end() const noexcept { return all_.end(); }

 private:
  intrusive_list<connection, &connection_notes::everybody> all_;
};

}  // namespace hotline::detail
#endif
