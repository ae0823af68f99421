#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Connections before the upgrade, by address: which of them gives way when they are too many. No I/O here.

#include <hotline/compiled.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace hotline::detail {

/// The connections of many addresses. An address is a text; a sorted map has no keys that collide. Each step takes
/// time that grows with the logarithm of how many addresses there are. Only `add` and `move` take memory.
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
  [[nodiscard]] member* gives_way_to(const std::string& of) const;

  /// `m` is of the address `key`, and waits for nothing yet. Nothing has changed when it throws.
  void add(member& m, const std::string& key);

  /// From here on it counts for the address `key`; it waits for nothing. Nothing has changed when it throws.
  void move(member& m, const std::string& key);

  void remove(member& m) noexcept;

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
    std::map<std::string, address>::iterator self{};
    std::size_t size = 0;
    std::size_t place = 0;  // in `biggest_`
    line for_peer{};
    line for_host{};
  };

  [[nodiscard]] address& find_or_make(const std::string& key);

  void drop(address& of) noexcept;

  [[nodiscard]] line& line_of(const member& m) const noexcept {
    return m.waits_ == member::wait::for_peer ? m.of_->for_peer : m.of_->for_host;
  }

  void link(member& m, member::wait waits) noexcept;

  void unlink(member& m) noexcept;

  // A heap with the address that gives way first at its top: the one that has most, and of several that have as many the one
  // that has kept us waiting longest.

  [[nodiscard]] static bool gives_way_before(const address& a, const address& b) noexcept;

  void put(address& a, std::size_t place) noexcept {
    biggest_[place] = &a;
    a.place = place;
  }

  void rise(address& a) noexcept;

  void sink(address& a) noexcept;

  std::map<std::string, address> addresses_;
  std::vector<address*> biggest_;
  std::uint64_t time_ = 0;
};

}  // namespace hotline::detail

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/crowd.ipp>
#endif
#endif
