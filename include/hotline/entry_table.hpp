#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/compiled.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hotline::detail {

/// The base of what an `entry_table` has: its hash, and its link in the table.
class hashed_entry {
 public:
  explicit hashed_entry(std::uint64_t hash = 0) noexcept : hash_(hash) {}
  hashed_entry(const hashed_entry&) = delete;
  hashed_entry& operator=(const hashed_entry&) = delete;

  [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
  /// While it is in no table.
  void set_hash(std::uint64_t hash) noexcept { hash_ = hash; }

 protected:
  ~hashed_entry() = default;

 private:
  friend class entry_table;

  std::uint64_t hash_;
  hashed_entry* next_ = nullptr;  // in its bucket
};

/// A hash table through its entries, whatever their type; `keyed_table` and `number_table` own theirs. It grows by linear
/// hashing (Witold Litwin, "Linear hashing: a new tool for file and table addressing", 1980): an insertion splits at most one
/// bucket, so the entries are never rehashed all at once. Where the array of buckets has to double it is copied, 8 bytes for
/// each. For one thread.
class entry_table {
 public:
  entry_table() noexcept = default;
  entry_table(const entry_table&) = delete;
  entry_table& operator=(const entry_table&) = delete;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Returns the entry that was added last of those with that hash, null when there is none.
  [[nodiscard]] hashed_entry* find(std::uint64_t hash) const noexcept;
  /// Returns the one before it, null when there is none.
  [[nodiscard]] static hashed_entry* find_other(const hashed_entry& entry) noexcept;

  /// Makes room for one more entry. Throws `std::bad_alloc`, and nothing has changed.
  void reserve_one();
  /// Adds an entry. `reserve_one` has been called since the last one.
  void insert(hashed_entry& added) noexcept;
  /// Removes an entry that the table has.
  void remove(hashed_entry& gone) noexcept;

  /// Removes all entries, and returns the first of them; `taken_after` returns the others.
  [[nodiscard]] hashed_entry* take_all() noexcept;
  [[nodiscard]] static hashed_entry* taken_after(const hashed_entry& entry) noexcept { return entry.next_; }

  /// Returns the first entry, in no order that means anything; null when there is none.
  [[nodiscard]] hashed_entry* first() const noexcept { return first_from(0); }
  /// Returns the entry after `entry`; null after the last.
  [[nodiscard]] hashed_entry* after(const hashed_entry& entry) const noexcept {
    return entry.next_ != nullptr ? entry.next_ : first_from(bucket_of(entry.hash_) + 1);
  }

 private:
  [[nodiscard]] static hashed_entry* find_other(const hashed_entry& entry, std::uint64_t hash) noexcept;
  [[nodiscard]] std::size_t bucket_of(std::uint64_t hash) const noexcept;
  [[nodiscard]] hashed_entry* first_from(std::size_t bucket) const noexcept;

  std::vector<hashed_entry*> buckets_;
  std::size_t size_ = 0;
};

}  // namespace hotline::detail

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/entry_table.ipp>
#endif
#endif
