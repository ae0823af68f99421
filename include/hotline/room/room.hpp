#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Outbound 5/6: who hears what, and how far each has come. No I/O here: bytes go out through `room_output`.

#include <hotline/concepts.hpp>
#include <hotline/log/memory_stream.hpp>
#include <hotline/log/rendition.hpp>
#include <hotline/options.hpp>
#include <hotline/room/room_group.hpp>
#include <hotline/room/room_output.hpp>
#include <hotline/room/spans.hpp>
#include <hotline/session/filter.hpp>
#include <hotline/session/session.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hotline::detail {

/// The listeners of one project on one loop.
///
/// All who are *current* stand at the same place in the log, `flushed()`, and a flush takes them all to its end with
/// one write each. Whose socket takes less, or whose lane is not empty, goes on alone from its own cursor until it
/// has caught up. Nothing is queued for anybody.
///
/// When memory is short nobody loses or hears twice: what throws has changed nothing but that some lag, and is to be tried
/// again. Leaving, and what moves sessions between the lists, needs none.
class room {
 public:
  room(std::shared_ptr<memory_stream> stream, room_output& output, std::size_t catch_up_bytes, const hash_key& key = {})
      : stream_(std::move(stream)),
        output_(output),
        catch_up_bytes_(catch_up_bytes),
        plain_(0, filter_hash{key}),
        compressed_(0, filter_hash{key}),
        flushed_(stream_->bounds().end) {}

  room(const room&) = delete;
  room& operator=(const room&) = delete;

  [[nodiscard]] memory_stream& stream() noexcept { return *stream_; }
  [[nodiscard]] sequence flushed() const noexcept { return flushed_; }
  [[nodiscard]] std::size_t size() const noexcept { return members_; }
  [[nodiscard]] std::size_t groups() const noexcept { return plain_.size() + compressed_.size(); }
  [[nodiscard]] const filter& filter_of(const session& s) const noexcept { return s.place.group->wanted; }

  /// The session hears what is appended from here on, or, with `back`, what comes after that many events before the
  /// end; its cursor is set. What it has in its lane goes first.
  void join(session& s, const filter& wanted, sequence back = 0) {
    flush();
    const sequence oldest = stream_->bounds().oldest;
    join_after(s, wanted, std::max(flushed_ - std::min(flushed_, back), std::min(oldest - 1, flushed_)));
  }

  /// The session goes on behind event `after`.
  void rejoin(session& s, const filter& wanted, sequence after) {
    flush();
    join_after(s, wanted, std::min(after, flushed_));
  }

 private:
  void join_after(session& s, const filter& wanted, sequence after) {
    room_group& group = prepare(s, wanted);
    s.cursor = after;
    ++members_;
    enter(s, group);
  }

 public:
  void leave(session& s) {
    if (s.place.group == nullptr) return;
    exit(s);
    s.place.late_since.reset();
    --members_;
  }

  /// Holds for everything after the session's cursor, so nothing is heard twice or missed between two filters.
  void set_filter(session& s, const filter& wanted) {
    if (s.place.group->wanted == wanted) return;
    room_group& group = prepare(s, wanted);
    s.told_at = position(s);  // the answer says it
    exit(s);
    enter(s, group);
  }

  /// Takes everybody who is current to the log's end.
  void flush() {
    const cleanup at_end(*this);
    for (;;) {
      const auto [oldest, end] = stream_->bounds();
      if (end == flushed_) return;
      if (!compressed_.empty()) stream_->rendition().forget_before(oldest);
      stream_->read(flushed_, end, flush_bytes, batch_);
      if (batch_.entries.empty() || batch_.entries.front().seq != flushed_ + 1) {
        // More was appended in one turn than the log holds. Each goes on by itself, and is told of the gap.
        for_each_group([&](room_group& group) { scatter(group); });
        flushed_ = end;
        release_batch();
        continue;
      }
      for_each_group([&](room_group& group) {
        try {
          flush_group(group);
        } catch (...) {
          // Nobody of it was sent anything. The other groups are not held up by it.
          scatter(group);
        }
      });
      flushed_ = batch_.entries.back().seq;
      release_batch();
    }
  }

  /// Sends what the session is owed: its lane, then the log up to `flushed()`. After queueing something in its lane,
  /// and, with `blocked` cleared, when its socket can take more.
  void resume(session& s) {
    if (s.blocked) return;
    if (!s.lane.empty() && !write_lane(s)) return;
    if (s.place.group == nullptr || s.place.current) return;
    const cleanup at_end(*this);
    try {
      catch_up(s);
    } catch (...) {
      make_busy(s);
    }
  }

  /// Goes on with sessions that lag, but not for their socket's sake. Whether some remain: then ask again next turn.
  bool resume_busy() {
    turn_.swap(busy_);
    for (session* const s : turn_) s->place.busy = false;
    for (session* const s : turn_) resume(*s);
    turn_.clear();
    return !busy_.empty();
  }

  /// Those who are not where `flushed()` is, or have something in their lane or a socket that takes no more.
  [[nodiscard]] std::span<session* const> lagging() const noexcept { return lagging_; }

  [[nodiscard]] bool has_busy() const noexcept { return !busy_.empty(); }

  /// The last event that the session was sent, or that passed it by.
  [[nodiscard]] sequence position(const session& s) const noexcept { return s.place.current ? flushed_ : s.cursor; }

  /// Whether the log no longer holds what comes next for the session: `resume` will find a gap.
  [[nodiscard]] bool is_overtaken(const session& s) const {
    if (s.place.current || s.cursor == flushed_ || s.place.group->wanted.hears_nothing()) return false;
    return s.cursor + 1 < stream_->bounds().oldest;
  }

  /// Where the session stands, when it could not know: more passed it by since what it was sent last, or told.
  [[nodiscard]] std::optional<sequence> untold(const session& s) const noexcept {
    if (!s.place.current) return std::nullopt;
    if (flushed_ <= std::max(s.told_at, s.place.group->last_sent)) return std::nullopt;
    return flushed_;
  }

 private:
  static constexpr std::size_t flush_bytes = 1024 * 1024;
  static constexpr std::size_t kept_entries = 1024;
  using group_map = std::unordered_map<filter, std::unique_ptr<room_group>, filter_hash>;

  template <class F>
  void for_each_group(F f) {
    for (auto& [wanted, group] : plain_) f(*group);
    for (auto& [wanted, group] : compressed_) f(*group);
  }

  // The group of that filter, and all the memory that one more in it can need.
  [[nodiscard]] room_group& prepare(const session& s, const filter& wanted) {
    for (auto* const list : {&lagging_, &busy_, &turn_}) reserve(*list, members_ + 1);
    group_map& groups = s.takes_deflate ? compressed_ : plain_;
    auto found = groups.find(wanted);
    if (found == groups.end())
      found = groups.emplace(wanted, std::make_unique<room_group>(room_group{wanted, s.takes_deflate})).first;
    room_group& group = *found->second;
    try {
      reserve(group.current, group.members + 1);
    } catch (...) {
      if (group.members == 0) groups.erase(found);
      throw;
    }
    return group;
  }

  static void reserve(std::vector<session*>& list, std::size_t size) {
    if (list.capacity() < size) list.reserve(std::max(size, 2 * list.capacity()));
  }

  void enter(session& s, room_group& group) noexcept {
    ++group.members;
    s.place.group = &group;
    start_lagging(s);
    if (s.cursor == flushed_ && s.lane.empty() && !s.blocked)
      make_current(s);
    else
      make_busy(s);
  }

  void exit(session& s) noexcept {
    if (s.place.current) lag(s);
    stop_lagging(s);
    if (s.place.busy) {
      std::erase(busy_, &s);
      s.place.busy = false;
    }
    room_group& group = *std::exchange(s.place.group, nullptr);
    if (--group.members > 0) return;
    group_map& groups = group.compressed ? compressed_ : plain_;
    groups.erase(groups.find(group.wanted));
  }

  void make_current(session& s) {
    if (s.place.busy) {
      std::erase(busy_, &s);
      s.place.busy = false;
    }
    stop_lagging(s);
    s.place.late_since.reset();
    s.place.kept_up = true;
    room_group& group = *s.place.group;
    s.place.index = static_cast<std::uint32_t>(group.current.size());
    s.place.current = true;
    group.current.push_back(&s);
  }

  void make_busy(session& s) {
    if (s.place.busy || s.blocked) return;
    s.place.busy = true;
    busy_.push_back(&s);
  }

  // Takes the session out of the current ones; it stands where they stand, on its own.
  void lag(session& s) {
    std::vector<session*>& current = s.place.group->current;
    current[s.place.index] = current.back();
    current[s.place.index]->place.index = s.place.index;
    current.pop_back();
    s.place.current = false;
    s.cursor = flushed_;
    start_lagging(s);
  }

  // All of a group go on by themselves.
  void scatter(room_group& group) noexcept {
    while (!group.current.empty()) {
      session& s = *group.current.back();
      lag(s);
      make_busy(s);
    }
  }

  void start_lagging(session& s) {
    s.place.index = static_cast<std::uint32_t>(lagging_.size());
    lagging_.push_back(&s);
  }

  void stop_lagging(session& s) {
    lagging_[s.place.index] = lagging_.back();
    lagging_[s.place.index]->place.index = s.place.index;
    lagging_.pop_back();
  }

  void flush_group(room_group& group) {
    if (group.wanted.hears_nothing() || group.current.empty()) return;
    const log_batch& batch = as_sent_to(group, superseded::sent);
    spans_.select(batch, group.wanted, superseded::sent);
    if (spans_.bytes() == 0) return;
    group.last_sent = spans_.last();
    // Backwards: who lags is replaced by the last, who was served already.
    for (std::size_t i = group.current.size(); i-- > 0;) {
      session& s = *group.current[i];
      if (!s.lane.empty() && !write_lane(s)) continue;
      const std::size_t taken = output_.write(s, spans_.spans());
      if (taken == spans_.bytes()) continue;
      lag(s);
      s.blocked = true;
      stand_after(s, batch, superseded::sent, taken);
    }
  }

  // The batch, with the group's share of it compressed if it takes it so.
  [[nodiscard]] const log_batch& as_sent_to(const room_group& group, superseded old) {
    if (!group.compressed) return batch_;
    const auto is_theirs = [&](const log_entry& entry) { return is_heard(entry, group.wanted, old); };
    stream_->rendition().render(batch_, is_theirs, *output_.compression(), rendered_);
    return rendered_;
  }

  // Sets the cursor to the last entry of the batch that `taken` bytes reached, and keeps the rest of a torn frame.
  void stand_after(session& s, const log_batch& batch, superseded old, std::size_t taken) {
    s.cursor = batch.entries.front().seq - 1;
    for (const log_entry& entry : batch.entries) {
      if (!is_heard(entry, s.place.group->wanted, old)) {
        s.cursor = entry.seq;
        continue;
      }
      if (taken == 0) return;
      s.cursor = entry.seq;
      if (taken < entry.frame.size()) {
        try {
          s.lane.start_with(entry.frame.substr(taken));
        } catch (...) {
          output_.give_up(s);  // half a frame is out, and nothing could follow it
        }
        return;
      }
      taken -= entry.frame.size();
    }
  }

  bool write_lane(session& s) {
    if (send_lane(s, output_)) return true;
    if (s.place.current) lag(s);
    return false;
  }

  void catch_up(session& s) {
    const filter& wanted = s.place.group->wanted;
    if (wanted.hears_nothing()) s.cursor = flushed_;
    std::size_t budget = catch_up_bytes_;
    while (s.cursor != flushed_) {
      if (budget == 0) return make_busy(s);
      stream_->read(s.cursor, flushed_, budget, batch_);
      const sequence next = batch_.entries.empty() ? flushed_ + 1 : batch_.entries.front().seq;
      if (next != s.cursor + 1) {
        release_batch();
        if (!output_.allows_gap(s)) return;
        s.queue_unbounded(output_.gap_message(s.cursor + 1, next - 1));
        s.cursor = next - 1;
        if (!write_lane(s)) return;
        continue;
      }
      const log_batch& batch = as_sent_to(*s.place.group, superseded::skipped);
      spans_.select(batch, wanted, superseded::skipped);
      const std::size_t taken = spans_.bytes() == 0 ? 0 : output_.write(s, spans_.spans());
      if (taken != spans_.bytes()) {
        s.blocked = true;
        stand_after(s, batch, superseded::skipped, taken);
        return release_batch();
      }
      s.cursor = batch_.entries.back().seq;
      budget -= std::min(budget, batch_bytes());
      release_batch();
    }
    make_current(s);
  }

  [[nodiscard]] std::size_t batch_bytes() const noexcept {
    std::size_t bytes = 0;
    for (const log_entry& entry : batch_.entries) bytes += entry.frame.size();
    return bytes;
  }

  struct cleanup {
    explicit cleanup(room& r) noexcept : of(r) {}
    cleanup(const cleanup&) = delete;
    cleanup& operator=(const cleanup&) = delete;
    ~cleanup() { of.release_batch(); }
    room& of;
  };

  // What the log evicts should go, not wait here for the next turn.
  void release_batch() {
    for (log_batch* const batch : {&batch_, &rendered_}) {
      batch->pins.clear();
      batch->entries.clear();
      if (batch->entries.capacity() > kept_entries) std::vector<log_entry>().swap(batch->entries);
    }
  }

  const std::shared_ptr<memory_stream> stream_;
  room_output& output_;
  const std::size_t catch_up_bytes_;
  group_map plain_;
  group_map compressed_;
  std::vector<session*> lagging_;  // all who are not current
  std::vector<session*> busy_;     // of those, who does not wait for its socket
  std::vector<session*> turn_;     // those who had been busy, while they are gone on with
  log_batch batch_;
  log_batch rendered_;  // the same for who takes it compressed; empty until one does
  span_list spans_;
  sequence flushed_;
  std::size_t members_ = 0;
};

}  // namespace hotline::detail
#endif
