#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/log/memory_stream.hpp>

#include <hotline/error.hpp>
#include <hotline/log/entry_draft.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace hotline {

HOTLINE_DETAIL_INLINE memory_stream::memory_stream(const log_options& limits, environment& env, std::string project,
                                                   std::string epoch, std::shared_ptr<detail::log_ledger> ledger,
                                                   std::size_t own_cost, const detail::hash_key& key)
    : limits_(limits),
      env_(env),
      project_(std::move(project)),
      epoch_(std::move(epoch)),
      ledger_(std::move(ledger)),
      own_cost_(own_cost),
      key_(key),
      last_append_(env.now()) {
  ledger_->join(*this);
}

HOTLINE_DETAIL_INLINE memory_stream::~memory_stream() {
  ledger_->count_evictions(end_ + 1 - oldest_);
  ledger_->leave(*this, held() + own_cost_);
}

HOTLINE_DETAIL_INLINE log_bounds memory_stream::bounds() const {
  const steady_time now = env_.now();
  const std::lock_guard lock(mutex_);
  return {oldest_at(now), end_};
}

HOTLINE_DETAIL_INLINE result<sequence> memory_stream::append(const log_record& record) {
  try {
    result<sequence> seq = try_append(record);
    if (!seq) ledger_->count_refusal();
    return seq;
  } catch (const std::bad_alloc&) {
    ledger_->count_refusal();
    return errc::out_of_memory;
  }
}

HOTLINE_DETAIL_INLINE void memory_stream::read(sequence after, sequence up_to, std::size_t max_bytes,
                                               log_batch& batch) const {
  batch.entries.clear();
  batch.pins.clear();
  try {
    fill(after, up_to, max_bytes, batch);
  } catch (...) {
    batch.entries.clear();
    batch.pins.clear();
    throw;
  }
}

HOTLINE_DETAIL_INLINE sequence memory_stream::tail(std::size_t bytes) const {
  const std::lock_guard lock(mutex_);
  if (oldest_ > end_ || bytes >= end_position()) return oldest_ - 1;
  const std::uint64_t position = end_position() - bytes;
  const auto ends_before = [&](const auto& block) { return block->end_position() < position; };
  const detail::slab& block = **std::partition_point(slabs_.begin(), slabs_.end(), ends_before);
  const detail::slab::entry* const found = std::partition_point(
      block.begin(), block.end(), [&](const detail::slab::entry& e) { return block.end_position(e) < position; });
  return std::max(oldest_ - 1, block.first() + static_cast<sequence>(found - block.begin()));
}

HOTLINE_DETAIL_INLINE void memory_stream::attach(log_watcher& watcher) {
  const std::lock_guard lock(mutex_);
  watchers_.push_back(&watcher);
}

HOTLINE_DETAIL_INLINE void memory_stream::detach(log_watcher& watcher) {
  const std::lock_guard lock(mutex_);
  std::erase(watchers_, &watcher);
}

HOTLINE_DETAIL_INLINE memory_stream::swept memory_stream::sweep(steady_time now) {
  const std::lock_guard lock(mutex_);
  const std::size_t before = held();
  const sequence oldest = oldest_;
  if (oldest_ <= end_) {
    const detail::slab& front = *slabs_.front();
    oldest_ = first_kept(front, now);
    if (oldest_ == front.first() + front.count()) (void)drop_front();
  }
  if (oldest_ != oldest) ledger_->count_evictions(oldest_ - oldest);
  let_go_of_the_rest();
  const std::size_t freed = before - held();
  ledger_->give_back(freed);
  if (oldest_ > end_) return {detail::later(now, limits_.age), freed};
  const steady_time last = detail::later(slabs_.front()->at(oldest_).at, limits_.age);
  return {last < steady_time::max() ? last + steady_time::duration(1) : last, freed};
}

HOTLINE_DETAIL_INLINE std::size_t memory_stream::give() {
  const std::lock_guard lock(mutex_);
  if (slabs_.empty()) return 0;
  const std::size_t before = held();
  const sequence oldest = oldest_;
  (void)evict_front();
  ledger_->count_crowded_out(oldest_ - oldest);
  let_go_of_the_rest();
  return before - held();
}

HOTLINE_DETAIL_INLINE bool memory_stream::is_idle() const {
  const steady_time now = env_.now();
  const std::lock_guard lock(mutex_);
  return end_ == 0 || now >= detail::later(last_append_, limits_.idle);
}

HOTLINE_DETAIL_INLINE std::vector<std::shared_ptr<detail::slab>>::const_iterator memory_stream::slab_of(
    sequence seq) const {
  return std::upper_bound(slabs_.begin(), slabs_.end(), seq,
                          [](sequence s, const auto& candidate) { return s < candidate->first(); }) -
         1;
}

HOTLINE_DETAIL_INLINE result<sequence> memory_stream::try_append(const log_record& record) {
  if (record.type.size() > 255) return errc::invalid_event_type;
  if (record.key.size() > detail::conflation_index::longest_key) return errc::key_too_long;
  const std::uint32_t hash = hash_type(record.type);
  const std::size_t one_key = detail::conflation_index::cost_of(record.type, record.key);
  const steady_time now = env_.now();

  detail::log_ledger::share room(*ledger_);
  std::unique_lock lock(mutex_);
  for (;;) {
    const detail::entry_draft entry(record, end_ + 1);
    const std::size_t key_cost = one_key == 0 || keys_ ? one_key : one_key + detail::conflation_index::own_cost;
    if (entry.size > limits_.event_bytes || slab_footprint(entry.size) + key_cost > most_bytes())
      return errc::event_too_big;
    const demand needed = make_room(entry.size, key_cost, room);
    if (room.grow_to(needed.bytes)) {
      std::optional<sequence> older;
      if (needed.bytes > 0) {
        older = take_place(entry, needed);
        room.keep(needed.bytes);
      }
      slabs_.back()->append(entry.parts(), entry.type_begin(), record.type, hash, now);
      end_ = entry.seq;
      last_append_ = now;
      ledger_->count_append();
      evict_beyond_limits(now);
      if (older && *older >= oldest_) (*slab_of(*older))->supersede(*older);
      for (log_watcher* const watcher : watchers_) watcher->on_append();
      return entry.seq;
    }
    // Others have to give, or this one: then by the same way, for no two streams may be locked at once.
    lock.unlock();
    if (!ledger_->collect(room)) return errc::log_full;
    lock.lock();
  }
}

HOTLINE_DETAIL_INLINE memory_stream::demand memory_stream::make_room(std::size_t size, std::size_t key_cost,
                                                                     detail::log_ledger::share& room) {
  demand needed{0, key_cost};
  if (slabs_.empty() || !slabs_.back()->has_room(size)) {
    const std::size_t grown = slabs_.empty() ? first_slab : std::min(largest_slab, slabs_.back()->capacity() * 2);
    needed.capacity = std::max(std::min(grown, most_bytes() / 8), size);
    if (slab_footprint(needed.capacity) + key_cost > most_bytes()) needed.capacity = size;
    needed.bytes += slab_footprint(needed.capacity);
  }
  const std::size_t in_use = needed.capacity == 0 ? 1 : 0;
  while (slabs_.size() > in_use && held() + needed.bytes > limits_.bytes) room.add(evict_front());
  return needed;
}

HOTLINE_DETAIL_INLINE std::optional<sequence> memory_stream::take_place(const detail::entry_draft& entry,
                                                                        const demand& needed) {
  const log_record& record = entry.record;
  if (needed.capacity > 0) slabs_.push_back(std::make_shared<detail::slab>(entry.seq, end_position(), needed.capacity));
  std::optional<sequence> older;
  const bool has_keys = keys_ != nullptr;
  try {
    if (!record.key.empty()) {
      if (!has_keys) keys_ = std::make_unique<detail::conflation_index>(key_);
      older = keys_->add(entry.seq, record.type, record.key);
    }
  } catch (...) {
    if (!has_keys) keys_.reset();
    if (needed.capacity > 0) slabs_.pop_back();
    throw;
  }
  if (needed.capacity > 0) footprint_ += slabs_.back()->footprint();
  // Not for each key: the ledger's lock is everybody's.
  if (needed.capacity > 0 || held() - told_ > told_ / 8) tell_ledger();
  return older;
}

HOTLINE_DETAIL_INLINE void memory_stream::fill(sequence after, sequence up_to, std::size_t max_bytes,
                                               log_batch& batch) const {
  const std::lock_guard lock(mutex_);
  sequence seq = std::max(after + 1, oldest_);
  const sequence last = std::min(up_to, end_);
  if (seq > last) return;
  std::size_t bytes = 0;
  for (auto block = slab_of(seq); block != slabs_.end() && seq <= last; ++block) {
    batch.pins.push_back(*block);
    for (; seq <= last && seq < (*block)->first() + (*block)->count(); ++seq) {
      const detail::slab::entry& e = (*block)->at(seq);
      const std::string_view frame = (*block)->frame(e);
      if (bytes != 0 && bytes + frame.size() > max_bytes) return;
      bytes += frame.size();
      batch.entries.push_back({seq, frame, frame.substr(e.type_begin, e.type_size), e.type_hash, e.superseded});
    }
  }
}

HOTLINE_DETAIL_INLINE std::size_t memory_stream::evict_front() noexcept {
  const detail::slab& front = *slabs_.front();
  const sequence oldest = std::exchange(oldest_, front.first() + front.count());
  ledger_->count_evictions(oldest_ - oldest);
  return drop_front();
}

HOTLINE_DETAIL_INLINE std::size_t memory_stream::drop_front() noexcept {
  const std::size_t before = held();
  if (keys_) keys_->forget_before(oldest_);
  rendition_.forget_before(oldest_);
  dropped_position_ = slabs_.front()->end_position();
  footprint_ -= slabs_.front()->footprint();
  slabs_.erase(slabs_.begin());
  tell_ledger();
  return before - held();
}

HOTLINE_DETAIL_INLINE void memory_stream::let_go_of_the_rest() noexcept {
  rendition_.forget_before(oldest_);
  if (!slabs_.empty()) return;
  std::vector<std::shared_ptr<detail::slab>>().swap(slabs_);
  keys_.reset();
  if (held() != told_) tell_ledger();
}

HOTLINE_DETAIL_INLINE sequence memory_stream::first_kept(const detail::slab& block, steady_time now) const noexcept {
  const sequence first = std::max(oldest_, block.first());
  const detail::slab::entry* const kept = std::partition_point(
      &block.at(first), block.end(), [&](const detail::slab::entry& e) { return is_too_old(e, now); });
  return block.first() + static_cast<sequence>(kept - block.begin());
}

HOTLINE_DETAIL_INLINE sequence memory_stream::oldest_at(steady_time now) const noexcept {
  if (oldest_ > end_ || !is_too_old(slabs_.front()->at(oldest_), now)) return oldest_;
  for (const auto& block : slabs_) {
    const sequence kept = first_kept(*block, now);
    if (kept < block->first() + block->count()) return kept;
  }
  return end_ + 1;
}

HOTLINE_DETAIL_INLINE void memory_stream::evict_one() noexcept {
  ++oldest_;
  const detail::slab& front = *slabs_.front();
  if (front.first() + front.count() <= oldest_) ledger_->give_back(drop_front());
}

HOTLINE_DETAIL_INLINE void memory_stream::evict_beyond_limits(steady_time now) noexcept {
  const sequence oldest = oldest_;
  while (end_ - oldest_ + 1 > limits_.events) evict_one();
  while (oldest_ <= end_ && is_too_old(slabs_.front()->at(oldest_), now)) evict_one();
  if (oldest_ != oldest) ledger_->count_evictions(oldest_ - oldest);
}

}  // namespace hotline
#endif
