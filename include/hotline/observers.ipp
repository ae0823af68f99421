#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/observers.hpp>

namespace hotline::detail {

HOTLINE_DETAIL_INLINE subscription observer_list::add(const std::shared_ptr<observer_list>& to, observer* owned) {
  const std::shared_ptr<observer> added(owned);
  // Made first, for that takes memory: an observer that is in the list must have a subscription that ends it.
  subscription kept([list = std::weak_ptr(to), added = std::weak_ptr(added)] {
    const std::shared_ptr<observer> gone = added.lock();
    if (!gone) return;
    gone->live.store(false, std::memory_order_release);
    if (const std::shared_ptr<observer_list> left = list.lock()) left->remove(*gone);
  });
  to->insert(added);
  return kept;
}

HOTLINE_DETAIL_INLINE std::shared_ptr<const observer_list::observers> observer_list::get() const noexcept {
  const std::lock_guard lock(mutex_);
  return all_;
}

HOTLINE_DETAIL_INLINE void observer_list::clear() noexcept {
  std::shared_ptr<const observers> former;
  {
    const std::lock_guard lock(mutex_);
    replace(former);
  }
  if (!former) return;
  for (const std::shared_ptr<observer>& o : *former) o->live.store(false, std::memory_order_release);
}

// In both of these the former list goes without the lock: what an observer holds may be a subscription to this list.

HOTLINE_DETAIL_INLINE void observer_list::insert(const std::shared_ptr<observer>& added) {
  std::shared_ptr<const observers> former;
  const std::lock_guard lock(mutex_);
  auto longer = all_ ? std::make_shared<observers>(*all_) : std::make_shared<observers>();
  longer->push_back(added);
  former = std::move(longer);
  replace(former);
}

HOTLINE_DETAIL_INLINE void observer_list::remove(observer& gone) noexcept {
  std::shared_ptr<const observers> former;
  const std::lock_guard lock(mutex_);
  if (!all_) return;
  try {
    auto shorter = std::make_shared<observers>();
    shorter->reserve(all_->size());
    for (const std::shared_ptr<observer>& o : *all_)
      if (o.get() != &gone) shorter->push_back(o);
    former = std::move(shorter);
  } catch (...) {
    return;  // out of memory for a shorter list: it stays in the longer one, and is called no more
  }
  replace(former);
}

// Exchanges the list for `by`.
HOTLINE_DETAIL_INLINE void observer_list::replace(std::shared_ptr<const observers>& by) noexcept {
  count_.store(by ? by->size() : 0, std::memory_order_release);
  all_.swap(by);
}

}  // namespace hotline::detail
#endif
