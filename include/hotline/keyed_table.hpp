#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/entry_table.hpp>
#include <hotline/keyed_hash.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// The base of what a `keyed_table` has: its name, and its link in the table.
class keyed_entry : public hashed_entry {
 public:
  explicit keyed_entry(std::string name) noexcept : name_(std::move(name)) {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 protected:
  ~keyed_entry() = default;

 private:
  const std::string name_;
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
  explicit keyed_table(const hash_key& key) noexcept : key_(key) {}
  ~keyed_table() { clear(); }

  [[nodiscard]] const hash_key& key() const noexcept { return key_; }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] bool empty() const noexcept { return entries_.size() == 0; }

  /// Returns the object of that name, null when there is none.
  [[nodiscard]] T* find(std::string_view name) const noexcept {
    hashed_entry* entry = entries_.size() == 0 ? nullptr : entries_.find(hash_of(name));
    while (entry != nullptr && static_cast<T*>(entry)->name() != name) entry = entry_table::find_other(*entry);
    return static_cast<T*>(entry);
  }

  /// Makes an object of `args`, whose name the table has not, and returns it. Nothing has changed when it throws.
  template <class... Args>
  T& add(Args&&... args) {
    entries_.reserve_one();
    T* const added = new T(std::forward<Args>(args)...);
    added->set_hash(hash_of(added->name()));
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
    for (hashed_entry* left = entries_.take_all(); left != nullptr;) {
      T* const gone = static_cast<T*>(std::exchange(left, entry_table::taken_after(*left)));
      delete gone;
    }
  }

  /// Returns the first object, in no order that means anything; null when there is none.
  [[nodiscard]] T* first() const noexcept { return static_cast<T*>(entries_.first()); }
  /// Returns the object after `one`; null after the last.
  [[nodiscard]] T* after(const T& one) const noexcept { return static_cast<T*>(entries_.after(one)); }

 private:
  [[nodiscard]] std::uint64_t hash_of(std::string_view name) const noexcept { return sip_hash<1, 3>(key_, name); }

  const hash_key key_;
  entry_table entries_;
};

}  // namespace hotline::detail
#endif
