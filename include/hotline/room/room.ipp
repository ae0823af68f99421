#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/room/room.hpp>

#include <hotline/log/rendition.hpp>

namespace hotline::detail {

HOTLINE_DETAIL_INLINE room::room(std::shared_ptr<memory_stream> stream, room_output& output, std::size_t catch_up_bytes,
                                 const hash_key& key)
    : stream_(std::move(stream)),
      output_(output),
      catch_up_bytes_(catch_up_bytes),
      plain_(0, filter_hash{key}),
      compressed_(0, filter_hash{key}),
      flushed_(stream_->bounds().end) {}

HOTLINE_DETAIL_INLINE void room::join(subscriber& s, const filter& wanted, sequence back) {
  flush();
  const sequence oldest = stream_->bounds().oldest;
  join_after(s, wanted, std::max(flushed_ - std::min(flushed_, back), std::min(oldest - 1, flushed_)));
}

HOTLINE_DETAIL_INLINE void room::rejoin(subscriber& s, const filter& wanted, sequence after) {
  flush();
  join_after(s, wanted, std::min(after, flushed_));
}

HOTLINE_DETAIL_INLINE void room::join_after(subscriber& s, const filter& wanted, sequence after) {
  room_group& group = prepare(s, wanted);
  s.cursor = after;
  ++members_;
  enter(s, group);
}

HOTLINE_DETAIL_INLINE void room::leave(subscriber& s) {
  if (s.place.group == nullptr) return;
  exit(s);
  s.place.late_since.reset();
  --members_;
}

HOTLINE_DETAIL_INLINE void room::set_filter(subscriber& s, const filter& wanted) {
  if (s.place.group->wanted == wanted) return;
  room_group& group = prepare(s, wanted);
  s.told_at = position(s);  // the answer says it
  exit(s);
  enter(s, group);
}

HOTLINE_DETAIL_INLINE void room::flush() {
  const cleanup at_end(*this);
  for (;;) {
    const auto [oldest, end] = stream_->bounds();
    if (end == flushed_) return;
    if (!compressed_.empty()) stream_->rendition().forget_before(oldest);
    stream_->read(flushed_, end, flush_bytes, batch_);
    if (batch_.entries.empty() || batch_.entries.front().seq != flushed_ + 1) {
      // More was appended in one turn than the log has room for. Each member goes on by itself, and receives the gap.
      for_each_group([&](room_group& group) { scatter(group); });
      flushed_ = end;
      release_batch();
      continue;
    }
    for_each_group([&](room_group& group) {
      try {
        flush_group(group);
      } catch (...) {
        // No member of the group was sent anything. The other groups go on.
        scatter(group);
      }
    });
    flushed_ = batch_.entries.back().seq;
    release_batch();
  }
}

HOTLINE_DETAIL_INLINE void room::resume(subscriber& s) {
  if (s.blocked) return;
  if (!s.out.empty() && !write_outbox(s)) return;
  if (s.place.group == nullptr || s.place.current) return;
  const cleanup at_end(*this);
  try {
    catch_up(s);
  } catch (...) {
    make_busy(s);
  }
}

HOTLINE_DETAIL_INLINE bool room::resume_busy() {
  turn_.swap(busy_);
  for (subscriber* const s : turn_) s->place.busy = false;
  for (subscriber* const s : turn_) resume(*s);
  turn_.clear();
  return !busy_.empty();
}

HOTLINE_DETAIL_INLINE bool room::is_overtaken(const subscriber& s) const {
  if (s.place.current || s.cursor == flushed_ || s.place.group->wanted.hears_nothing()) return false;
  return s.cursor + 1 < stream_->bounds().oldest;
}

HOTLINE_DETAIL_INLINE std::optional<sequence> room::untold(const subscriber& s) const noexcept {
  if (!s.place.current) return std::nullopt;
  if (flushed_ <= std::max(s.told_at, s.place.group->last_sent)) return std::nullopt;
  return flushed_;
}

HOTLINE_DETAIL_INLINE room_group& room::prepare(const subscriber& s, const filter& wanted) {
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

HOTLINE_DETAIL_INLINE void room::enter(subscriber& s, room_group& group) noexcept {
  ++group.members;
  s.place.group = &group;
  start_lagging(s);
  if (s.cursor == flushed_ && s.out.empty() && !s.blocked)
    make_current(s);
  else
    make_busy(s);
}

HOTLINE_DETAIL_INLINE void room::exit(subscriber& s) noexcept {
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

HOTLINE_DETAIL_INLINE void room::make_current(subscriber& s) {
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

HOTLINE_DETAIL_INLINE void room::lag(subscriber& s) {
  std::vector<subscriber*>& current = s.place.group->current;
  current[s.place.index] = current.back();
  current[s.place.index]->place.index = s.place.index;
  current.pop_back();
  s.place.current = false;
  s.cursor = flushed_;
  start_lagging(s);
}

HOTLINE_DETAIL_INLINE void room::scatter(room_group& group) noexcept {
  while (!group.current.empty()) {
    subscriber& s = *group.current.back();
    lag(s);
    make_busy(s);
  }
}

HOTLINE_DETAIL_INLINE const log_batch& room::as_sent_to(const room_group& group, superseded old) {
  if (!group.compressed) return batch_;
  const auto is_theirs = [&](const log_entry& entry) { return is_heard(entry, group.wanted, old); };
  stream_->rendition().render(batch_, is_theirs, *output_.compression(), rendered_);
  return rendered_;
}

HOTLINE_DETAIL_INLINE void room::stand_after(subscriber& s, const log_batch& batch, superseded old, std::size_t taken) {
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
        s.out.start_with(entry.frame.substr(taken));
      } catch (...) {
        output_.give_up(s);  // half a frame is out, and nothing could follow it
      }
      return;
    }
    taken -= entry.frame.size();
  }
}

HOTLINE_DETAIL_INLINE void room::catch_up(subscriber& s) {
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
      s.out.append_unbounded(opcode::text, output_.gap_message(s.cursor + 1, next - 1));
      s.cursor = next - 1;
      if (!write_outbox(s)) return;
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

HOTLINE_DETAIL_INLINE std::size_t room::batch_bytes() const noexcept {
  std::size_t bytes = 0;
  for (const log_entry& entry : batch_.entries) bytes += entry.frame.size();
  return bytes;
}

HOTLINE_DETAIL_INLINE void room::release_batch() {
  for (log_batch* const batch : {&batch_, &rendered_}) {
    batch->pins.clear();
    batch->entries.clear();
    if (batch->entries.capacity() > kept_entries) std::vector<log_entry>().swap(batch->entries);
  }
}

}  // namespace hotline::detail
#endif
