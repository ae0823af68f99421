#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/entry_table.hpp>

#include <bit>
#include <utility>

namespace hotline::detail {

HOTLINE_DETAIL_INLINE hashed_entry* entry_table::find(std::uint64_t hash) const noexcept {
  if (size_ == 0) return nullptr;
  hashed_entry* const first = buckets_[bucket_of(hash)];
  return first == nullptr || first->hash_ == hash ? first : find_other(*first, hash);
}

HOTLINE_DETAIL_INLINE hashed_entry* entry_table::find_other(const hashed_entry& entry) noexcept {
  return find_other(entry, entry.hash_);
}

HOTLINE_DETAIL_INLINE hashed_entry* entry_table::find_other(const hashed_entry& entry, std::uint64_t hash) noexcept {
  hashed_entry* other = entry.next_;
  while (other != nullptr && other->hash_ != hash) other = other->next_;
  return other;
}

HOTLINE_DETAIL_INLINE void entry_table::reserve_one() {
  if (buckets_.size() > size_) return;
  buckets_.push_back(nullptr);
  const std::size_t added = buckets_.size() - 1;
  if (added == 0) return;
  // The entries of the new bucket were in the one whose number lacks the highest bit.
  hashed_entry** link = &buckets_[added - std::bit_floor(added)];
  while (hashed_entry* const entry = *link) {
    if (bucket_of(entry->hash_) != added) {
      link = &entry->next_;
      continue;
    }
    *link = entry->next_;
    entry->next_ = std::exchange(buckets_[added], entry);
  }
}

HOTLINE_DETAIL_INLINE void entry_table::insert(hashed_entry& added) noexcept {
  added.next_ = std::exchange(buckets_[bucket_of(added.hash_)], &added);
  ++size_;
}

HOTLINE_DETAIL_INLINE void entry_table::remove(hashed_entry& gone) noexcept {
  hashed_entry** link = &buckets_[bucket_of(gone.hash_)];
  while (*link != &gone) link = &(*link)->next_;
  *link = std::exchange(gone.next_, nullptr);
  --size_;
}

HOTLINE_DETAIL_INLINE hashed_entry* entry_table::take_all() noexcept {
  hashed_entry* taken = nullptr;
  for (hashed_entry*& bucket : buckets_) {
    while (hashed_entry* const entry = bucket) {
      bucket = entry->next_;
      entry->next_ = std::exchange(taken, entry);
    }
  }
  size_ = 0;
  return taken;
}

HOTLINE_DETAIL_INLINE std::size_t entry_table::bucket_of(std::uint64_t hash) const noexcept {
  const std::size_t power = std::bit_ceil(buckets_.size());
  const auto bucket = static_cast<std::size_t>(hash & (power - 1));
  return bucket < buckets_.size() ? bucket : bucket - power / 2;
}

HOTLINE_DETAIL_INLINE hashed_entry* entry_table::first_from(std::size_t bucket) const noexcept {
  while (bucket < buckets_.size() && buckets_[bucket] == nullptr) ++bucket;
  return bucket < buckets_.size() ? buckets_[bucket] : nullptr;
}

}  // namespace hotline::detail
#endif
