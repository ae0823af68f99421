#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Outbound 4/6: one project's log in memory. Numbers, keeps and evicts; knows nothing of clients.

#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/keyed_hash.hpp>
#include <hotline/log/conflation.hpp>
#include <hotline/log/entry_draft.hpp>
#include <hotline/log/ledger.hpp>
#include <hotline/log/rendition.hpp>
#include <hotline/log/slab.hpp>
#include <hotline/options.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline {

/// One project's events: finished frames in slabs, numbered within an epoch, bounded by count, bytes and age, and, with
/// all other projects' of its log, by a ledger. Models `event_stream`; every member may be called from any thread.
class memory_stream final : public detail::ledger_holder {
 public:
  /// Without its events it counts as `own_cost` bytes, which are reserved for it already.
  memory_stream(const log_options& limits, environment& env, std::string epoch,
                std::shared_ptr<detail::log_ledger> ledger, std::size_t own_cost = 0, const detail::hash_key& key = {})
      : limits_(limits),
        env_(env),
        epoch_(std::move(epoch)),
        ledger_(std::move(ledger)),
        own_cost_(own_cost),
        key_(key),
        last_append_(env.now()) {
    ledger_->join(*this);
  }

  memory_stream(const memory_stream&) = delete;
  memory_stream& operator=(const memory_stream&) = delete;

  ~memory_stream() {
    ledger_->count_evictions(end_ + 1 - oldest_);
    ledger_->leave(*this, held() + own_cost_);
  }

  [[nodiscard]] std::string_view epoch() const noexcept { return epoch_; }

  /// Without what is too old, also where no sweep has come to it yet.
  [[nodiscard]] log_bounds bounds() const {
    const steady_time now = env_.now();
    const std::lock_guard lock(mutex_);
    return {oldest_at(now), end_};
  }

  /// The number of the newest event. Costs less than `bounds()`, which looks at the clock.
  [[nodiscard]] sequence end() const {
    const std::lock_guard lock(mutex_);
    return end_;
  }

  /// What it costs without its events, and without what it is itself: its epoch, its place on the ledger.
  static constexpr std::size_t more_memory = 128;
  [[nodiscard]] std::size_t own_cost() const noexcept { return own_cost_; }

  /// Bytes that are held now for its events, index included.
  [[nodiscard]] std::size_t footprint() const {
    const std::lock_guard lock(mutex_);
    return held();
  }

  result<sequence> append(const log_record& record) {
    try {
      result<sequence> seq = try_append(record);
      if (!seq) ledger_->count_refusal();
      return seq;
    } catch (const std::bad_alloc&) {
      ledger_->count_refusal();
      return errc::out_of_memory;
    }
  }

  void read(sequence after, sequence up_to, std::size_t max_bytes, log_batch& batch) const {
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

  [[nodiscard]] sequence tail(std::size_t bytes) const {
    const std::lock_guard lock(mutex_);
    if (oldest_ > end_ || bytes >= end_position()) return oldest_ - 1;
    const std::uint64_t position = end_position() - bytes;
    const auto ends_before = [&](const auto& block) { return block->end_position() < position; };
    const detail::slab& block = **std::partition_point(slabs_.begin(), slabs_.end(), ends_before);
    const auto entries = block.entries();
    const auto found = std::partition_point(
        entries.begin(), entries.end(), [&](const detail::slab::entry& e) { return block.end_position(e) < position; });
    return std::max(oldest_ - 1, block.first() + static_cast<sequence>(found - entries.begin()));
  }

  [[nodiscard]] log_rendition& rendition() noexcept { return rendition_; }

  void attach(log_watcher& watcher) {
    const std::lock_guard lock(mutex_);
    watchers_.push_back(&watcher);
  }

  void detach(log_watcher& watcher) {
    const std::lock_guard lock(mutex_);
    std::erase(watchers_, &watcher);
  }

  struct swept {
    steady_time due;    ///< when there is, or may be, something to sweep again
    std::size_t freed;  ///< bytes
  };

  /// Lets go of what is older than the age that the options allow, of one slab at most; of more when it is called again.
  swept sweep(steady_time now) {
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

  swept sweep() { return sweep(env_.now()); }

  /// For all projects' sake: lets go of its oldest slab.
  [[nodiscard]] std::size_t give() override {
    const std::lock_guard lock(mutex_);
    if (slabs_.empty()) return 0;
    const std::size_t before = held();
    const sequence oldest = oldest_;
    (void)evict_front();
    ledger_->count_crowded_out(oldest_ - oldest);
    let_go_of_the_rest();
    return before - held();
  }

  /// Whether it ever had an event.
  [[nodiscard]] bool has_begun() const {
    const std::lock_guard lock(mutex_);
    return end_ > 0;
  }

  /// Whether nothing was appended for as long as the options call idle, or ever.
  [[nodiscard]] bool is_idle() const {
    const steady_time now = env_.now();
    const std::lock_guard lock(mutex_);
    return end_ == 0 || now >= detail::later(last_append_, limits_.idle);
  }

 private:
  static constexpr std::size_t first_slab = 1024;
  static constexpr std::size_t largest_slab = 256 * 1024;

  [[nodiscard]] static std::size_t slab_footprint(std::size_t size) noexcept {
    return detail::slab::footprint_of(size);
  }

  [[nodiscard]] std::size_t most_bytes() const noexcept { return std::min(limits_.bytes, limits_.total_bytes); }
  [[nodiscard]] std::size_t held() const noexcept {
    return footprint_ + (keys_ ? keys_->footprint() + detail::conflation_index::own_cost : 0);
  }

  [[nodiscard]] std::uint64_t end_position() const noexcept {
    return slabs_.empty() ? dropped_position_ : slabs_.back()->end_position();
  }

  // Only for an entry that is still there.
  [[nodiscard]] std::vector<std::shared_ptr<detail::slab>>::const_iterator slab_of(sequence seq) const {
    return std::upper_bound(slabs_.begin(), slabs_.end(), seq,
                            [](sequence s, const auto& candidate) { return s < candidate->first(); }) -
           1;
  }

  // What it takes to keep an entry: a slab of that capacity unless that is 0, and bytes that are not held yet.
  struct demand {
    std::size_t capacity = 0;
    std::size_t bytes = 0;
  };

  result<sequence> try_append(const log_record& record) {
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

  // A quiet project holds little; a busy one grows its slabs, so that a turn's events are one or two spans.
  [[nodiscard]] demand make_room(std::size_t size, std::size_t key_cost, detail::log_ledger::share& room) {
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

  // Does all that can throw, or nothing. Answers which entry this one supersedes.
  [[nodiscard]] std::optional<sequence> take_place(const detail::entry_draft& entry, const demand& needed) {
    const log_record& record = entry.record;
    if (needed.capacity > 0)
      slabs_.push_back(std::make_shared<detail::slab>(entry.seq, end_position(), needed.capacity));
    std::optional<sequence> older;
    const bool has_keys = keys_.has_value();
    try {
      if (!record.key.empty()) {
        if (!has_keys) keys_.emplace(key_);
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

  void fill(sequence after, sequence up_to, std::size_t max_bytes, log_batch& batch) const {
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

  // How many bytes that were; they stay reserved.
  std::size_t evict_front() noexcept {
    const detail::slab& front = *slabs_.front();
    const sequence oldest = std::exchange(oldest_, front.first() + front.count());
    ledger_->count_evictions(oldest_ - oldest);
    return drop_front();
  }

  std::size_t drop_front() noexcept {
    const std::size_t before = held();
    if (keys_) keys_->forget_before(oldest_);
    rendition_.forget_before(oldest_);
    dropped_position_ = slabs_.front()->end_position();
    footprint_ -= slabs_.front()->footprint();
    slabs_.erase(slabs_.begin());
    tell_ledger();
    return before - held();
  }

  // What is only there for events, where an append does not need it for the next one.
  void let_go_of_the_rest() noexcept {
    rendition_.forget_before(oldest_);
    if (!slabs_.empty()) return;
    std::vector<std::shared_ptr<detail::slab>>().swap(slabs_);
    keys_.reset();
    if (held() != told_) tell_ledger();
  }

  [[nodiscard]] bool is_too_old(const detail::slab::entry& e, steady_time now) const noexcept {
    return now > detail::later(e.at, limits_.age);
  }

  // The first of its entries that is not too old; the one behind its last when all are.
  [[nodiscard]] sequence first_kept(const detail::slab& block, steady_time now) const noexcept {
    const sequence first = std::max(oldest_, block.first());
    const auto entries = block.entries().subspan(first - block.first());
    const auto kept = std::partition_point(entries.begin(), entries.end(),
                                           [&](const detail::slab::entry& e) { return is_too_old(e, now); });
    return first + static_cast<sequence>(kept - entries.begin());
  }

  [[nodiscard]] sequence oldest_at(steady_time now) const noexcept {
    if (oldest_ > end_ || !is_too_old(slabs_.front()->at(oldest_), now)) return oldest_;
    for (const auto& block : slabs_) {
      const sequence kept = first_kept(*block, now);
      if (kept < block->first() + block->count()) return kept;
    }
    return end_ + 1;
  }

  void evict_one() noexcept {
    ++oldest_;
    const detail::slab& front = *slabs_.front();
    if (front.first() + front.count() <= oldest_) ledger_->give_back(drop_front());
  }

  void evict_beyond_limits(steady_time now) noexcept {
    const sequence oldest = oldest_;
    while (end_ - oldest_ + 1 > limits_.events) evict_one();
    while (oldest_ <= end_ && is_too_old(slabs_.front()->at(oldest_), now)) evict_one();
    if (oldest_ != oldest) ledger_->count_evictions(oldest_ - oldest);
  }

  void tell_ledger() noexcept {
    told_ = held();
    ledger_->note(*this, told_);
  }

  const log_options limits_;
  environment& env_;
  const std::string epoch_;
  const std::shared_ptr<detail::log_ledger> ledger_;
  const std::size_t own_cost_;
  const detail::hash_key key_;

  // Of all this nothing is there before an event needs it: a project that has none must cost little.
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<detail::slab>> slabs_;
  std::vector<log_watcher*> watchers_;
  std::optional<detail::conflation_index> keys_;
  sequence oldest_ = 1;
  sequence end_ = 0;
  std::size_t footprint_ = 0;           // of slabs_; with that of keys_ it is what is reserved for this stream
  std::size_t told_ = 0;                // what the ledger thinks that it holds
  std::uint64_t dropped_position_ = 0;  // where the last slab that is gone ended
  steady_time last_append_;
  log_rendition rendition_;
};

}  // namespace hotline
#endif
