#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/entry_table.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace hotline::detail {

/// Objects by number, which the table owns. Each `T` derives from `hashed_entry`, whose hash is the number, stays where it is,
/// and is in one table. The numbers are random ones that no stranger chooses. For one thread.
///
///     struct job : hashed_entry { using hashed_entry::hashed_entry; };
///     number_table<job> jobs;
///     jobs.add(7);
///     job* const found = jobs.find(7);
template <class T>
class number_table {
 public:
  number_table() noexcept = default;
  ~number_table() {
    for (hashed_entry* left = entries_.take_all(); left != nullptr;) {
      T* const gone = static_cast<T*>(std::exchange(left, entry_table::taken_after(*left)));
      delete gone;
    }
  }

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

  /// Returns the object of that number, null when there is none.
  [[nodiscard]] T* find(std::uint64_t number) const noexcept { return static_cast<T*>(entries_.find(number)); }

  /// Makes an object of `args`, whose number the table has not, and returns it. Nothing has changed when it throws.
  template <class... Args>
  T& add(Args&&... args) {
    entries_.reserve_one();
    T* const added = new T(std::forward<Args>(args)...);
    entries_.insert(*added);
    return *added;
  }

  /// Removes the object, and leaves it to the caller.
  void release(T& gone) noexcept { entries_.remove(gone); }

  /// Returns the first object, in no order that means anything; null when there is none.
  [[nodiscard]] T* first() const noexcept { return static_cast<T*>(entries_.first()); }
  /// Returns the object after `one`; null after the last.
  [[nodiscard]] T* after(const T& one) const noexcept { return static_cast<T*>(entries_.after(one)); }

 private:
  entry_table entries_;
};

}  // namespace hotline::detail
#endif
