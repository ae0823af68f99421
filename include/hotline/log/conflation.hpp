#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/keyed_table.hpp>
#include <hotline/types.hpp>

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// The keys of a log's entries, as long as those are kept. A key belongs to its event type: an entry supersedes only
/// entries that go to the same subscribers.
class conflation_index {
 public:
  static constexpr std::size_t longest_key = 256;
  /// The cost of the index itself, in bytes, from its first entry on: it and the pieces that its members begin with.
  static constexpr std::size_t own_cost = 800;

  explicit conflation_index(const hash_key& key = {}) : newest_(key) {}

  /// Returns the bytes that one more entry costs at most.
  [[nodiscard]] static constexpr std::size_t cost_of(std::string_view type, std::string_view key) noexcept {
    return key.empty() ? 0 : type.size() + 1 + key.size() + entry_cost;
  }
  [[nodiscard]] std::size_t footprint() const noexcept { return footprint_; }

  /// The entry `seq` has this key. Answers which entry it supersedes; that one may be gone already. When it throws
  /// `std::bad_alloc` the key is not noted.
  [[nodiscard]] std::optional<sequence> add(sequence seq, std::string_view type, std::string_view key) {
    std::string name;
    name.reserve(type.size() + 1 + key.size());
    name.append(type).append(1, '\0').append(key);  // no type holds a NUL
    order_.push_back({seq, nullptr});
    try {
      key_record* const known = newest_.find(name);
      order_.back().key = known != nullptr ? known : &newest_.add(std::move(name));
    } catch (...) {
      order_.pop_back();
      throw;
    }
    key_record& noted = *order_.back().key;
    footprint_ += noted.name().size() + entry_cost;
    const sequence older = std::exchange(noted.newest, seq);
    return older == 0 ? std::nullopt : std::optional(older);
  }

  /// Entries before `oldest` are gone.
  void forget_before(sequence oldest) noexcept {
    while (!order_.empty() && order_.front().seq < oldest) {
      const auto [seq, key] = order_.front();
      order_.pop_front();
      footprint_ -= key->name().size() + entry_cost;
      if (key->newest == seq) newest_.erase(*key);
    }
  }

 private:
  struct key_record : keyed_entry {
    using keyed_entry::keyed_entry;
    sequence newest = 0;
  };
  struct place {
    sequence seq;
    key_record* key;
  };
  // A record, its bucket, and the place in the order.
  static constexpr std::size_t entry_cost = 128;

  keyed_table<key_record> newest_;
  std::deque<place> order_;  // by seq
  std::size_t footprint_ = 0;
};

}  // namespace hotline::detail
#endif
