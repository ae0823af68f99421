#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <cstddef>
#include <utility>

namespace hotline::detail {

/// A member that links its object into one intrusive list.
template <class T>
class list_link {
 public:
  list_link() noexcept = default;
  list_link(const list_link&) = delete;
  list_link& operator=(const list_link&) = delete;

 private:
  template <class Object, auto Link>
  friend class intrusive_list;

  // A circle; null while the object is in no list.
  T* previous_ = nullptr;
  T* next_ = nullptr;
};

/// A list through its objects: no step takes memory, none can fail, and each takes the same time however long the list is.
/// `Link` names the member that links the list, and an object is in one list at a time through one link. An object must leave
/// before it is destroyed; a list that ends unlinks what is left in it.
///
///     struct job { list_link<job> queue; };
///     intrusive_list<job, &job::queue> waiting;
///     waiting.push_back(a);
///     while (job* const next = waiting.pop_front()) run(*next);
template <class T, auto Link>
class intrusive_list {
 public:
  class iterator {
   public:
    iterator(T* at, T* first) noexcept : at_(at), first_(first) {}
    [[nodiscard]] T& operator*() const noexcept { return *at_; }
    iterator& operator++() noexcept {
      at_ = (at_->*Link).next_;
      if (at_ == first_) at_ = nullptr;
      return *this;
    }
    [[nodiscard]] friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.at_ == b.at_; }

   private:
    T* at_;
    T* first_;
  };

  intrusive_list() noexcept = default;
  intrusive_list(const intrusive_list&) = delete;
  intrusive_list& operator=(const intrusive_list&) = delete;
  ~intrusive_list() { clear(); }

  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Returns the first object, null when there is none.
  [[nodiscard]] T* front() const noexcept { return first_; }
  /// While an iterator is in use, objects may be appended, and none may leave.
  [[nodiscard]] iterator begin() const noexcept { return {first_, first_}; }
  [[nodiscard]] iterator end() const noexcept { return {nullptr, first_}; }

  /// Returns whether `object` is in a list through this link.
  [[nodiscard]] static bool is_linked(const T& object) noexcept { return (object.*Link).next_ != nullptr; }

  /// Appends `object`, which must not be linked.
  void push_back(T& object) noexcept {
    if (first_ == nullptr) {
      first_ = &object;
      (object.*Link).previous_ = (object.*Link).next_ = &object;
    } else {
      T& last = *(first_->*Link).previous_;
      join(last, object);
      join(object, *first_);
    }
    ++size_;
  }

  /// Removes `object`, which must be in this list.
  void remove(T& object) noexcept {
    auto& link = object.*Link;
    if (link.next_ == &object) {
      first_ = nullptr;
    } else {
      if (first_ == &object) first_ = link.next_;
      join(*link.previous_, *link.next_);
    }
    link.previous_ = link.next_ = nullptr;
    --size_;
  }

  /// Removes the first object and returns it, null when there is none.
  T* pop_front() noexcept {
    T* const first = first_;
    if (first != nullptr) remove(*first);
    return first;
  }

  /// Removes all objects.
  void clear() noexcept {
    while (pop_front() != nullptr) {
    }
  }

  /// Appends all objects of `other`, in their order, and leaves it empty.
  void splice(intrusive_list& other) noexcept {
    if (other.empty()) return;
    T& theirs = *std::exchange(other.first_, nullptr);
    size_ += std::exchange(other.size_, 0);
    if (first_ == nullptr) {
      first_ = &theirs;
      return;
    }
    T& their_last = *(theirs.*Link).previous_;
    join(*(first_->*Link).previous_, theirs);
    join(their_last, *first_);
  }

 private:
  static void join(T& earlier, T& later) noexcept {
    (earlier.*Link).next_ = &later;
    (later.*Link).previous_ = &earlier;
  }

  T* first_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace hotline::detail
#endif
