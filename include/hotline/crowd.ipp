#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/crowd.hpp>

namespace hotline::detail {

HOTLINE_DETAIL_INLINE crowd::member* crowd::gives_way_to(const std::string& of) const {
  if (biggest_.empty()) return nullptr;
  const auto found = addresses_.find(of);
  const address* const own = found == addresses_.end() ? nullptr : &found->second;
  const std::size_t size = own == nullptr ? 0 : own->size;
  const address& most = *biggest_.front();
  if (size == most.size && own->for_peer.oldest != nullptr) return own->for_peer.oldest;
  if (most.for_peer.oldest != nullptr) return most.for_peer.oldest;
  if (most.size > size + 1) return most.for_host.newest;
  return own == nullptr ? nullptr : own->for_peer.oldest;
}

HOTLINE_DETAIL_INLINE void crowd::add(member& m, const std::string& key) {
  address& of = find_or_make(key);
  m.of_ = &of;
  ++of.size;
  rise(of);
}

HOTLINE_DETAIL_INLINE void crowd::move(member& m, const std::string& key) {
  address& of = find_or_make(key);
  if (&of == m.of_) return unlink(m);
  remove(m);
  m.of_ = &of;
  ++of.size;
  rise(of);
}

HOTLINE_DETAIL_INLINE void crowd::remove(member& m) noexcept {
  unlink(m);
  address& of = *std::exchange(m.of_, nullptr);
  --of.size;
  if (of.size == 0) return drop(of);
  sink(of);
}

HOTLINE_DETAIL_INLINE crowd::address& crowd::find_or_make(const std::string& key) {
  const auto [found, is_new] = addresses_.try_emplace(key);
  address& of = found->second;
  if (!is_new) return of;
  of.self = found;
  of.place = biggest_.size();
  try {
    biggest_.push_back(&of);
  } catch (...) {
    addresses_.erase(found);
    throw;
  }
  return of;
}

HOTLINE_DETAIL_INLINE void crowd::drop(address& of) noexcept {
  address& last = *biggest_.back();
  biggest_.pop_back();
  if (&last != &of) {
    put(last, of.place);
    rise(last);
    sink(last);
  }
  addresses_.erase(of.self);
}

HOTLINE_DETAIL_INLINE void crowd::link(member& m, member::wait waits) noexcept {
  unlink(m);
  m.waits_ = waits;
  m.since_ = ++time_;
  line& in = line_of(m);
  m.before_ = std::exchange(in.newest, &m);
  (m.before_ != nullptr ? m.before_->behind_ : in.oldest) = &m;
  rise(*m.of_);
}

HOTLINE_DETAIL_INLINE void crowd::unlink(member& m) noexcept {
  if (m.waits_ == member::wait::for_nothing) return;
  line& in = line_of(m);
  (m.before_ != nullptr ? m.before_->behind_ : in.oldest) = m.behind_;
  (m.behind_ != nullptr ? m.behind_->before_ : in.newest) = m.before_;
  m.before_ = m.behind_ = nullptr;
  m.waits_ = member::wait::for_nothing;
  sink(*m.of_);
}

HOTLINE_DETAIL_INLINE bool crowd::gives_way_before(const address& a, const address& b) noexcept {
  if (a.size != b.size) return a.size > b.size;
  if (a.for_peer.oldest == nullptr || b.for_peer.oldest == nullptr)
    return b.for_peer.oldest == nullptr && a.for_peer.oldest != nullptr;
  return a.for_peer.oldest->since_ < b.for_peer.oldest->since_;
}

HOTLINE_DETAIL_INLINE void crowd::rise(address& a) noexcept {
  std::size_t at = a.place;
  for (; at > 0 && gives_way_before(a, *biggest_[(at - 1) / 2]); at = (at - 1) / 2) put(*biggest_[(at - 1) / 2], at);
  put(a, at);
}

HOTLINE_DETAIL_INLINE void crowd::sink(address& a) noexcept {
  std::size_t at = a.place;
  for (std::size_t next = 2 * at + 1; next < biggest_.size(); next = 2 * at + 1) {
    if (next + 1 < biggest_.size() && gives_way_before(*biggest_[next + 1], *biggest_[next])) ++next;
    if (!gives_way_before(*biggest_[next], a)) break;
    put(*biggest_[next], at);
    at = next;
  }
  put(a, at);
}

}  // namespace hotline::detail
#endif
