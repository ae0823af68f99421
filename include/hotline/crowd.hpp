#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Connections before the upgrade, by address: which of them gives way when they are too many. No I/O here.

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace hotline::detail {

/// `Key` is an address, in an order of its own: a table in order has no names that collide. Each step takes time that
/// grows with the logarithm of how many addresses there are. Only `add` and `move` take memory.
template <class Key>
class crowd {
 private:
  struct address;

 public:
  /// One of them; its owner keeps it, where it is, from `add` until `remove`.
  class member {
   public:
    member() = default;
    member(const member&) = delete;
    member& operator=(const member&) = delete;

   private:
    friend class crowd;
    enum class wait : std::uint8_t { for_nothing, for_peer, for_host };

    address* of_ = nullptr;
    member* before_ = nullptr;  // among those of its address that wait for the same
    member* behind_ = nullptr;
    std::uint64_t since_ = 0;
    wait waits_ = wait::for_nothing;
  };

  crowd() = default;
  crowd(const crowd&) = delete;
  crowd& operator=(const crowd&) = delete;

  /// Returns the member that gives way to one more of the address `of`; null: the one that comes. Where `of` has most itself,
  /// the member of `of` that is awaited longest gives way, and none that waits for us, for those are nearly in. Otherwise it is
  /// a member of the address that has most: the one that is awaited longest, or, where that address has more than `of` will
  /// have, the one that came last to wait for us.
  [[nodiscard]] member* gives_way_to(const Key& of) const {
    if (biggest_.empty()) return nullptr;
    const auto found = addresses_.find(of);
    const address* const own = found == addresses_.end() ? nullptr : &found->second;
    const std::size_t size = own == nullptr ? 0 : own->size;
    const address& most = *biggest_.front();
    if (size == most.size && own->for_peer.oldest != nullptr) return own->for_peer.oldest;
    if (most.for_peer.oldest != nullptr) return most.for_peer.oldest;
    if (most.size > size + 1) return most.for_host.newest;
    return own == nullptr ? nullptr : own->for_peer.oldest;
  }

  /// `m` is of the address `key`, and waits for nothing yet. Nothing has changed when it throws.
  void add(member& m, const Key& key) {
    address& of = find_or_make(key);
    m.of_ = &of;
    ++of.size;
    rise(of);
  }

  /// From here on it counts for the address `key`; it waits for nothing. Nothing has changed when it throws.
  void move(member& m, const Key& key) {
    address& of = find_or_make(key);
    if (&of == m.of_) return unlink(m);
    remove(m);
    m.of_ = &of;
    ++of.size;
    rise(of);
  }

  void remove(member& m) noexcept {
    unlink(m);
    address& of = *std::exchange(m.of_, nullptr);
    --of.size;
    if (of.size == 0) return drop(of);
    sink(of);
  }

  /// We wait for its peer: to send what it owes, or to take what it is sent. No matter if we did before.
  void await(member& m) noexcept {
    if (m.waits_ != member::wait::for_peer) link(m, member::wait::for_peer);
  }

  /// Its peer waits for us.
  void keep_waiting(member& m) noexcept {
    if (m.waits_ != member::wait::for_host) link(m, member::wait::for_host);
  }

  /// It is being looked at, so it waits for nothing and does not give way.
  void look_at(member& m) noexcept { unlink(m); }

 private:
  struct line {
    member* oldest = nullptr;
    member* newest = nullptr;
  };

  struct address {
    typename std::map<Key, address>::iterator self{};
    std::size_t size = 0;
    std::size_t place = 0;  // in `biggest_`
    line for_peer{};
    line for_host{};
  };

  [[nodiscard]] address& find_or_make(const Key& key) {
    const auto [found, is_new] = addresses_.try_emplace(key);
    address& of = found->second;
    if (!is_new) return of;
    of.self = found;
    of.place = biggest_.size();
    try {
      biggest_.push_back(&of);
    } catch (...) {
      addresses_.erase(found);
      throw;
    }
    return of;
  }

  void drop(address& of) noexcept {
    address& last = *biggest_.back();
    biggest_.pop_back();
    if (&last != &of) {
      put(last, of.place);
      rise(last);
      sink(last);
    }
    addresses_.erase(of.self);
  }

  [[nodiscard]] line& line_of(const member& m) const noexcept {
    return m.waits_ == member::wait::for_peer ? m.of_->for_peer : m.of_->for_host;
  }

  void link(member& m, typename member::wait waits) noexcept {
    unlink(m);
    m.waits_ = waits;
    m.since_ = ++time_;
    line& in = line_of(m);
    m.before_ = std::exchange(in.newest, &m);
    (m.before_ != nullptr ? m.before_->behind_ : in.oldest) = &m;
    rise(*m.of_);
  }

  void unlink(member& m) noexcept {
    if (m.waits_ == member::wait::for_nothing) return;
    line& in = line_of(m);
    (m.before_ != nullptr ? m.before_->behind_ : in.oldest) = m.behind_;
    (m.behind_ != nullptr ? m.behind_->before_ : in.newest) = m.before_;
    m.before_ = m.behind_ = nullptr;
    m.waits_ = member::wait::for_nothing;
    sink(*m.of_);
  }

  // A heap with the address that gives way first at its top: the one that has most, and of several that have as many the one
  // that has kept us waiting longest.

  [[nodiscard]] static bool gives_way_before(const address& a, const address& b) noexcept {
    if (a.size != b.size) return a.size > b.size;
    if (a.for_peer.oldest == nullptr || b.for_peer.oldest == nullptr)
      return b.for_peer.oldest == nullptr && a.for_peer.oldest != nullptr;
    return a.for_peer.oldest->since_ < b.for_peer.oldest->since_;
  }

  void put(address& a, std::size_t place) noexcept {
    biggest_[place] = &a;
    a.place = place;
  }

  void rise(address& a) noexcept {
    std::size_t at = a.place;
    for (; at > 0 && gives_way_before(a, *biggest_[(at - 1) / 2]); at = (at - 1) / 2) put(*biggest_[(at - 1) / 2], at);
    put(a, at);
  }

  void sink(address& a) noexcept {
    std::size_t at = a.place;
    for (std::size_t next = 2 * at + 1; next < biggest_.size(); next = 2 * at + 1) {
      if (next + 1 < biggest_.size() && gives_way_before(*biggest_[next + 1], *biggest_[next])) ++next;
      if (!gives_way_before(*biggest_[next], a)) break;
      put(*biggest_[next], at);
      at = next;
    }
    put(a, at);
  }

  std::map<Key, address> addresses_;
  std::vector<address*> biggest_;
  std::uint64_t time_ = 0;
};

}  // namespace hotline::detail
#endif
