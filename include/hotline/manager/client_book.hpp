#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// A manager's clients by number, and by the connection id that is made of it.

#include <hotline/types.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>

namespace hotline::detail {

/// Those with a connection, and those whose session waits without one. The loop reads it freely and changes it under its
/// lock; other threads read it under the lock.
template <class Client>
class client_book {
 public:
  /// Whether any has a connection.
  [[nodiscard]] bool has_connected() const noexcept { return connected_ > 0; }
  [[nodiscard]] bool contains(std::uint64_t number) const { return clients_.contains(number); }
  [[nodiscard]] auto begin() const noexcept { return clients_.begin(); }
  [[nodiscard]] auto end() const noexcept { return clients_.end(); }

  void add(std::unique_ptr<Client> arrived) {
    const std::lock_guard lock(mutex_);
    const std::uint64_t number = arrived->number();
    clients_.emplace(number, std::move(arrived));
    ++connected_;
  }

  /// Its connection has ended, and its session waits in its place.
  void park(Client& c, steady_time now) noexcept {
    const std::lock_guard lock(mutex_);
    c.park(now);
    --connected_;
  }

  [[nodiscard]] std::unique_ptr<Client> take(const Client& gone) noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = clients_.find(gone.number());
    if (gone.connection != nullptr) --connected_;
    std::unique_ptr<Client> taken = std::move(found->second);
    clients_.erase(found);
    return taken;
  }

  /// The session of `old` goes on as `heir`. When `old` has a connection still, it keeps its place under the heir's
  /// former number, as nobody; else it goes. Takes no memory: two are put where two were.
  void inherit(Client& heir, Client& old) noexcept {
    const std::lock_guard lock(mutex_);
    auto entry = clients_.extract(heir.number());
    auto other = clients_.extract(old.number());
    const std::uint64_t former = heir.number();
    heir.inherit(old);
    entry.key() = heir.number();
    clients_.insert(std::move(entry));
    if (old.connection == nullptr) return;
    old.renumber(former);
    other.key() = former;
    clients_.insert(std::move(other));
  }

  /// With a connection, open or closing, or waiting; null when there is none of that number.
  [[nodiscard]] Client* find_any(std::uint64_t number) const {
    const auto found = clients_.find(number);
    return found == clients_.end() ? nullptr : found->second.get();
  }

  /// Whoever has a connection, open or closing; null when there is none of that number.
  [[nodiscard]] Client* find_connected(std::uint64_t number) const {
    Client* const found = find_any(number);
    return found == nullptr || found->connection == nullptr ? nullptr : found;
  }

  /// Changes what other threads may be reading of a client.
  template <class F>
  void change(F f) {
    const std::lock_guard lock(mutex_);
    f();
  }

  /// Any thread: calls `f` with every client that has upgraded and whose socket has not ended.
  template <class F>
  void read(F f) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, c] : clients_)
      if (c->connection != nullptr && c->origin()) f(*c);
  }

  /// An open client; null when there is none of that number.
  [[nodiscard]] Client* find(std::uint64_t number) const {
    const auto found = clients_.find(number);
    return found == clients_.end() || !found->second->is_open() ? nullptr : found->second.get();
  }

  [[nodiscard]] Client* find(std::string_view connection_id) const {
    std::uint64_t number = 0;
    const char* const last = connection_id.data() + connection_id.size();
    const auto [end, wrong] = std::from_chars(connection_id.data(), last, number, 16);
    return connection_id.size() != id_digits || wrong != std::errc() || end != last ? nullptr : find(number);
  }

  [[nodiscard]] static std::string id_of(std::uint64_t number) {
    std::string text(id_digits, '0');
    for (std::size_t i = id_digits; i-- > 0; number >>= 4) text[i] = "0123456789abcdef"[number & 15];
    return text;
  }

 private:
  static constexpr std::size_t id_digits = 16;

  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Client>> clients_;
  std::size_t connected_ = 0;
};

}  // namespace hotline::detail
#endif
