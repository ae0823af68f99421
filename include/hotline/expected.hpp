#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace hotline::detail {

/// A value, or the error in its place: as much of C++23's `std::expected` as the library uses. Unlike `std::variant`, which
/// C++20 offers for this, it costs a file that includes it next to nothing to compile, and is never without either.
///
/// `T` and `E` are distinct types. It can be copied when both can, and assigned to when `E` is moved without an exception: what
/// throws then is the move of a value, after which it has what it had. For one thread.
///
///     expected<int, std::string> read_digit(char c) {
///       if (c < '0' || c > '9') return std::string("no digit");
///       return c - '0';
///     }
template <class T, class E>
class [[nodiscard]] expected {
  static constexpr bool moves_safely =
      std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_constructible_v<E>;
  static constexpr bool is_copyable = std::is_copy_constructible_v<T> && std::is_copy_constructible_v<E>;

 public:
  expected(T value) noexcept(moves_safely) : value_(std::move(value)), has_value_(true) {}
  expected(E error) noexcept(moves_safely) : error_(std::move(error)), has_value_(false) {}

  expected(const expected& other) requires is_copyable : has_value_(other.has_value_) {
    if (has_value_)
      ::new (place_of(value_)) T(other.value_);
    else
      ::new (place_of(error_)) E(other.error_);
  }
  expected(expected&& other) noexcept(moves_safely) : has_value_(other.has_value_) { take(other); }

  expected& operator=(const expected& other) requires is_copyable && std::is_nothrow_move_constructible_v<E> {
    return *this = expected(other);
  }
  expected& operator=(expected&& other) noexcept(moves_safely) requires std::is_nothrow_move_constructible_v<E> {
    expected taken(std::move(other));
    if constexpr (moves_safely) {
      destroy();
      has_value_ = taken.has_value_;
      take(taken);
    } else if (has_value_ && taken.has_value_) {
      value_ = std::move(taken.value_);
    } else if (taken.has_value_) {
      E kept(std::move(error_));
      error_.~E();
      try {
        ::new (place_of(value_)) T(std::move(taken.value_));
        has_value_ = true;
      } catch (...) {
        ::new (place_of(error_)) E(std::move(kept));
        throw;
      }
    } else {
      destroy();
      has_value_ = false;
      take(taken);
    }
    return *this;
  }

  ~expected() { destroy(); }

  [[nodiscard]] bool has_value() const noexcept { return has_value_; }
  [[nodiscard]] explicit operator bool() const noexcept { return has_value_; }

  /// Only when `has_value()`.
  [[nodiscard]] T& operator*() & noexcept { return value_; }
  [[nodiscard]] const T& operator*() const& noexcept { return value_; }
  [[nodiscard]] T&& operator*() && noexcept { return std::move(value_); }
  [[nodiscard]] T* operator->() noexcept { return std::addressof(value_); }
  [[nodiscard]] const T* operator->() const noexcept { return std::addressof(value_); }

  /// Only when not `has_value()`.
  [[nodiscard]] const E& error() const noexcept { return error_; }

 private:
  template <class Member>
  [[nodiscard]] static void* place_of(Member& member) noexcept {
    return const_cast<void*>(static_cast<const volatile void*>(std::addressof(member)));
  }

  void take(expected& other) noexcept(moves_safely) {
    if (has_value_)
      ::new (place_of(value_)) T(std::move(other.value_));
    else
      ::new (place_of(error_)) E(std::move(other.error_));
  }

  void destroy() noexcept {
    if (has_value_)
      value_.~T();
    else
      error_.~E();
  }

  union {
    T value_;
    E error_;
  };
  bool has_value_;
};

}  // namespace hotline::detail
#endif
