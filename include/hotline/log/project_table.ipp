#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/log/project_table.hpp>

namespace hotline::detail {

HOTLINE_DETAIL_INLINE project_table::project_table(std::shared_ptr<environment> env, const log_options& limits)
    : env_(std::move(env)),
      limits_(limits),
      ledger_(std::make_shared<log_ledger>(limits.total_bytes)),
      projects_(hash_key::draw(*env_)),
      by_age_(env_->now()) {}

HOTLINE_DETAIL_INLINE std::shared_ptr<memory_stream> project_table::hold(std::string_view name) {
  std::shared_ptr<memory_stream> gone;  // not destroyed with the lock held
  std::unique_lock lock(mutex_);
  project* const found = find_or_make(name, lock);
  if (found == nullptr) return nullptr;
  std::shared_ptr<holding> held = found->held.lock();
  if (!held) {
    try {
      held = std::make_shared<holding>(weak_from_this(), *found);
    } catch (...) {
      if (is_free(*found) && !found->stream->has_begun()) gone = take(*found);
      throw;
    }
    found->held = held;
    ++found->holders;
    found->ring_link<by_use>::leave_ring();
  }
  memory_stream* const stream = held->stream.get();
  return {std::move(held), stream};
}

HOTLINE_DETAIL_INLINE result<sequence> project_table::append(std::string_view name, const log_record& record) {
  std::shared_ptr<memory_stream> stream;
  {
    const std::lock_guard lock(mutex_);
    project* const found = projects_.find(name);
    if (found != nullptr && found->has_events) {
      stream = found->stream;  // from here on it is in use
      if (found->holders == 0) used_.push(*found);
    }
  }
  return stream ? stream->append(record) : append_first(name, record);
}

HOTLINE_DETAIL_INLINE void project_table::sweep() {
  const steady_time now = env_->now();
  {
    const std::lock_guard lock(mutex_);
    if (now - last_sweep_ < sweep_interval) return;
    last_sweep_ = now;
    const project* const first = longest_unused();
    if ((first == nullptr || !has_idled(*first, now)) && by_age_.due(now) == nullptr) return;
  }
  for (std::size_t spent = 0; spent < steps_per_sweep;) {
    std::shared_ptr<memory_stream> idle;
    {
      const std::lock_guard lock(mutex_);
      project* const first = longest_unused();
      if (first == nullptr || !has_idled(*first, now)) break;
      idle = take(*first);
    }
    spent += steps_to_free(idle->footprint());
  }
  for (std::size_t spent = 0; spent < steps_per_sweep;) {
    const std::lock_guard lock(mutex_);
    project* const old = by_age_.due(now);
    if (old == nullptr) break;
    const auto [due, freed] = old->stream->sweep(now);
    spent += steps_to_free(freed);
    if (due > now) by_age_.put(*old, due);
  }
}

HOTLINE_DETAIL_INLINE result<sequence> project_table::append_first(std::string_view name, const log_record& record) {
  std::shared_ptr<memory_stream> stream;
  project* begins = nullptr;
  {
    std::unique_lock lock(mutex_);
    begins = find_or_make(name, lock);
    if (begins != nullptr) stream = begins->stream;
  }
  if (!stream) {
    ledger_->count_refusal();
    return errc::too_many_projects;
  }
  result<sequence> seq = stream->append(record);
  if (!seq) return seq;
  const std::lock_guard lock(mutex_);
  begins->has_events = true;
  if (begins->holders == 0) used_.push(*begins);
  return seq;
}

HOTLINE_DETAIL_INLINE project_table::project* project_table::find_or_make(std::string_view name,
                                                                          std::unique_lock<std::mutex>& lock) {
  for (;;) {
    if (project* const found = projects_.find(name)) return found;
    const std::size_t cost = free_ < free_of_charge ? 0 : cost_of(name);
    if (cost > most_cost()) return nullptr;
    log_ledger::share room(*ledger_);
    if (projects_.size() < limits_.projects && charged_ + cost <= most_cost() && reserve(cost, room))
      return &make(name, cost, room);
    project* const victim = longest_unused();
    if (victim == nullptr) return nullptr;
    std::shared_ptr<memory_stream> gone = take(*victim);
    ledger_->count_forgotten();
    lock.unlock();
    gone.reset();
    lock.lock();
  }
}

HOTLINE_DETAIL_INLINE project_table::project& project_table::make(std::string_view name, std::size_t cost,
                                                                  log_ledger::share& room) {
  auto stream = std::make_shared<memory_stream>(limits_, *env_, std::string(name), random_hex(*env_, 1), ledger_, cost,
                                                projects_.key());
  room.keep(cost);
  const steady_time now = env_->now();
  project& made = projects_.add(std::string(name), std::move(stream), now);
  charged_ += cost;
  if (cost == 0) ++free_;
  unused_.push(made);
  by_age_.put(made, later(now, limits_.age));
  return made;
}

HOTLINE_DETAIL_INLINE project_table::project* project_table::longest_unused() noexcept {
  for (project* p = unused_.first(); p != nullptr;) {
    project* const next = unused_.behind(*p);
    if (p->stream->has_begun()) {  // by way of `for_each`
      p->has_events = true;
      used_.push(*p);
    } else if (is_free(*p)) {
      return p;
    }
    p = next;
  }
  for (project* p = used_.first(); p != nullptr; p = used_.behind(*p))
    if (is_free(*p)) return p;
  return nullptr;
}

HOTLINE_DETAIL_INLINE std::shared_ptr<memory_stream> project_table::take(project& p) noexcept {
  std::shared_ptr<memory_stream> taken = p.stream;
  const std::size_t cost = taken->own_cost();
  charged_ -= cost;
  if (cost == 0) --free_;
  projects_.erase(p);
  return taken;
}

HOTLINE_DETAIL_INLINE void project_table::let_go(holding& held) noexcept {
  const std::lock_guard lock(mutex_);
  project& p = held.which;
  held.stream.reset();  // before it could be taken for one who uses it
  if (--p.holders > 0) return;
  p.held.reset();
  p.used_at = env_->now();
  p.has_events = p.stream->has_begun();
  (p.has_events ? used_ : unused_).push(p);
}

}  // namespace hotline::detail
#endif
