#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/compiled.hpp>
#include <hotline/keyed_hash.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline::detail {

/// The base of what a `keyed_table` has: its name, and its link in the table.
class keyed_entry {
 public:
  explicit keyed_entry(std::string name) noexcept : name_(std::move(name)) {}
  keyed_entry(const keyed_entry&) = delete;
  keyed_entry& operator=(const keyed_entry&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 protected:
  ~keyed_entry() = default;

 private:
  friend class entry_table;

  const std::string name_;
  std::size_t hash_ = 0;
  keyed_entry* next_ = nullptr;  // in its bucket
};

/// A hash table through its entries, whatever their type; `keyed_table` owns them. It grows by linear hashing (Witold Litwin,
/// "Linear hashing: a new tool for file and table addressing", 1980): an insertion splits at most one bucket, so the entries
/// are never rehashed all at once. Where the array of buckets has to double it is copied, 8 bytes for each. For one thread.
class entry_table {
 public:
  explicit entry_table(const hash_key& key) noexcept : key_(key) {}
  entry_table(const entry_table&) = delete;
  entry_table& operator=(const entry_table&) = delete;

  [[nodiscard]] const hash_key& key() const noexcept { return key_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Returns the entry of that name, null when there is none.
  [[nodiscard]] keyed_entry* find(std::string_view name) const noexcept;

  /// Makes room for one more entry. Throws `std::bad_alloc`, and nothing has changed.
  void reserve_one();
  /// Adds an entry whose name the table has not. `reserve_one` has been called since the last one.
  void insert(keyed_entry& added) noexcept;
  /// Removes an entry that the table has.
  void remove(keyed_entry& gone) noexcept;

  /// Removes all entries, and returns the first of them; `taken_after` returns the others.
  [[nodiscard]] keyed_entry* take_all() noexcept;
  [[nodiscard]] static keyed_entry* taken_after(const keyed_entry& entry) noexcept { return entry.next_; }

  /// Returns the first entry, in no order that means anything; null when there is none.
  [[nodiscard]] keyed_entry* first() const noexcept { return first_from(0); }
  /// Returns the entry after `entry`; null after the last.
  [[nodiscard]] keyed_entry* after(const keyed_entry& entry) const noexcept {
    return entry.next_ != nullptr ? entry.next_ : first_from(bucket_of(entry.hash_) + 1);
  }

 private:
  [[nodiscard]] std::size_t hash_of(std::string_view name) const noexcept {
    return static_cast<std::size_t>(sip_hash<1, 3>(key_, name));
  }
  [[nodiscard]] std::size_t bucket_of(std::size_t hash) const noexcept;
  [[nodiscard]] keyed_entry* first_from(std::size_t bucket) const noexcept;

  const hash_key key_;
  std::vector<keyed_entry*> buckets_;
  std::size_t size_ = 0;
};

/// Objects by name, which the table owns: a hash table whose hash no stranger can predict. Each `T` derives from
/// `keyed_entry`, stays where it is, and is in one table. `entry_table` does the work for all `T`. For one thread.
///
///     struct tally : keyed_entry { using keyed_entry::keyed_entry; int count = 0; };
///     keyed_table<tally> votes(key);
///     tally* const found = votes.find("cat");
///     ++(found != nullptr ? *found : votes.add(std::string("cat"))).count;
template <class T>
class keyed_table {
 public:
  explicit keyed_table(const hash_key& key) noexcept : entries_(key) {}
  ~keyed_table() { clear(); }

  [[nodiscard]] const hash_key& key() const noexcept { return entries_.key(); }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] bool empty() const noexcept { return entries_.size() == 0; }

  /// Returns the object of that name, null when there is none.
  [[nodiscard]] T* find(std::string_view name) const noexcept { return static_cast<T*>(entries_.find(name)); }

  /// Makes an object of `args`, whose name the table has not, and returns it. Nothing has changed when it throws.
  template <class... Args>
  T& add(Args&&... args) {
    entries_.reserve_one();
    T* const added = new T(std::forward<Args>(args)...);
    entries_.insert(*added);
    return *added;
  }

  /// Removes the object and destroys it.
  void erase(T& gone) noexcept {
    entries_.remove(gone);
    delete &gone;
  }

  /// Removes all of them, and then destroys them: a destructor that looks into the table finds none of them.
  void clear() noexcept {
    for (keyed_entry* left = entries_.take_all(); left != nullptr;) {
      T* const gone = static_cast<T*>(std::exchange(left, entry_table::taken_after(*left)));
      delete gone;
    }
  }

  /// Returns the first object, in no order that means anything; null when there is none.
  [[nodiscard]] T* first() const noexcept { return static_cast<T*>(entries_.first()); }
  /// Returns the object after `one`; null after the last.
  [[nodiscard]] T* after(const T& one) const noexcept { return static_cast<T*>(entries_.after(one)); }

 private:
  entry_table entries_;
};

}  // namespace hotline::detail

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/keyed_table.ipp>
#endif
#endif
