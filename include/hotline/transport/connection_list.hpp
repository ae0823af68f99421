#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <functional>
#include <utility>

namespace hotline::detail {

/// Connections, the newest first. Each is in one list at most.
template <class Connection>
class connection_list {
 public:
  [[nodiscard]] Connection* first() const noexcept { return first_; }
  /// The one that is in the list for the longest time.
  [[nodiscard]] Connection* last() const noexcept { return last_; }

  void add(Connection& c) noexcept {
    c.next_ = first_;
    (first_ != nullptr ? first_->previous_ : last_) = &c;
    first_ = &c;
  }

  void remove(Connection& c) noexcept {
    (c.previous_ != nullptr ? c.previous_->next_ : first_) = c.next_;
    (c.next_ != nullptr ? c.next_->previous_ : last_) = c.previous_;
    c.previous_ = c.next_ = nullptr;
  }

  /// The first for which `holds(connection)`; null when there is none.
  template <class Predicate>
  [[nodiscard]] Connection* find(const Predicate& holds) const {
    Connection* c = first_;
    while (c != nullptr && !std::invoke(holds, *c)) c = c->next_;
    return c;
  }

  /// `f` may remove the connection that it is given.
  template <class Function>
  void for_each(const Function& f) {
    for (Connection* c = first_; c != nullptr;) f(*std::exchange(c, c->next_));
  }

 private:
  Connection* first_ = nullptr;
  Connection* last_ = nullptr;
};

}  // namespace hotline::detail
#endif
