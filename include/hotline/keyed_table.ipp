#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/keyed_table.hpp>

#include <bit>

namespace hotline::detail {

HOTLINE_DETAIL_INLINE keyed_entry* entry_table::find(std::string_view name) const noexcept {
  if (size_ == 0) return nullptr;
  const std::size_t hash = hash_of(name);
  keyed_entry* entry = buckets_[bucket_of(hash)];
  while (entry != nullptr && (entry->hash_ != hash || entry->name_ != name)) entry = entry->next_;
  return entry;
}

HOTLINE_DETAIL_INLINE void entry_table::reserve_one() {
  if (buckets_.size() > size_) return;
  buckets_.push_back(nullptr);
  const std::size_t added = buckets_.size() - 1;
  if (added == 0) return;
  // The entries of the new bucket were in the one whose number lacks the highest bit.
  keyed_entry** link = &buckets_[added - std::bit_floor(added)];
  while (keyed_entry* const entry = *link) {
    if (bucket_of(entry->hash_) != added) {
      link = &entry->next_;
      continue;
    }
    *link = entry->next_;
    entry->next_ = std::exchange(buckets_[added], entry);
  }
}

HOTLINE_DETAIL_INLINE void entry_table::insert(keyed_entry& added) noexcept {
  added.hash_ = hash_of(added.name_);
  added.next_ = std::exchange(buckets_[bucket_of(added.hash_)], &added);
  ++size_;
}

HOTLINE_DETAIL_INLINE void entry_table::remove(keyed_entry& gone) noexcept {
  keyed_entry** link = &buckets_[bucket_of(gone.hash_)];
  while (*link != &gone) link = &(*link)->next_;
  *link = std::exchange(gone.next_, nullptr);
  --size_;
}

HOTLINE_DETAIL_INLINE keyed_entry* entry_table::take_all() noexcept {
  keyed_entry* taken = nullptr;
  for (keyed_entry*& bucket : buckets_) {
    while (keyed_entry* const entry = bucket) {
      bucket = entry->next_;
      entry->next_ = std::exchange(taken, entry);
    }
  }
  size_ = 0;
  return taken;
}

HOTLINE_DETAIL_INLINE std::size_t entry_table::bucket_of(std::size_t hash) const noexcept {
  const std::size_t power = std::bit_ceil(buckets_.size());
  const std::size_t bucket = hash & (power - 1);
  return bucket < buckets_.size() ? bucket : bucket - power / 2;
}

HOTLINE_DETAIL_INLINE keyed_entry* entry_table::first_from(std::size_t bucket) const noexcept {
  while (bucket < buckets_.size() && buckets_[bucket] == nullptr) ++bucket;
  return bucket < buckets_.size() ? buckets_[bucket] : nullptr;
}

}  // namespace hotline::detail
#endif
