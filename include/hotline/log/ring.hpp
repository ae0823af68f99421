#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <utility>

namespace hotline::detail {

/// A place in a `ring` of that tag, and in one at most.
template <class Tag>
class ring_link {
 public:
  ring_link() noexcept = default;
  ring_link(const ring_link&) = delete;
  ring_link& operator=(const ring_link&) = delete;
  ~ring_link() { leave_ring(); }

  void leave_ring() noexcept {
    before_->behind_ = behind_;
    behind_->before_ = before_;
    before_ = behind_ = this;
  }

 private:
  template <class Member, class T>
  friend class ring;

  ring_link* before_ = this;
  ring_link* behind_ = this;
};

/// Members in the order in which they entered. Member: derives from `ring_link<Tag>`.
template <class Member, class Tag>
class ring {
 public:
  /// Null when it is empty.
  [[nodiscard]] Member* first() const noexcept { return at(ends_.behind_); }
  /// Null when `member` is the last.
  [[nodiscard]] Member* behind(Member& member) const noexcept { return at(static_cast<link&>(member).behind_); }

  /// From here on it is the last; it leaves the ring that it is in.
  void push(Member& member) noexcept {
    link& entering = member;
    if (entering.behind_ == &ends_) return;
    entering.leave_ring();
    entering.behind_ = &ends_;
    entering.before_ = std::exchange(ends_.before_, &entering);
    entering.before_->behind_ = &entering;
  }

 private:
  using link = ring_link<Tag>;

  [[nodiscard]] Member* at(link* where) const noexcept {
    return where == &ends_ ? nullptr : static_cast<Member*>(where);
  }

  link ends_;
};

}  // namespace hotline::detail
#endif
