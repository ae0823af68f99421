#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/keyed_hash.hpp>
#include <hotline/log/entry.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline {

namespace detail {

/// Counts the filters that share a list of names.
struct shared_names {
  std::atomic<std::uint32_t> users{1};
  bool all = false;  ///< it is no list, but the mark of a filter of all types
};

/// The mark of a filter of all types. A program has one for each shared object, so its address alone tells nothing.
inline constinit shared_names all_names{1, true};

}  // namespace detail

/// The event types that a client receives: all, or those it named. A value; equal filters share their work, and copies
/// their memory.
///
///     filter f;
///     f.add("job.done");
///     f.matches("job.done", hash_type("job.done"));   // true
class filter {
 public:
  /// Matches no type.
  filter() = default;
  filter(const filter& other) noexcept : listed_(other.listed_) {
    if (own() != nullptr) own()->users.fetch_add(1, std::memory_order_relaxed);
  }
  filter(filter&& other) noexcept : listed_(std::exchange(other.listed_, nullptr)) {}
  filter& operator=(filter other) noexcept {
    std::swap(listed_, other.listed_);
    return *this;
  }
  ~filter() {
    if (own() != nullptr && own()->users.fetch_sub(1, std::memory_order_acq_rel) == 1) delete own();
  }
  [[nodiscard]] static filter everything() noexcept {
    filter f;
    f.listed_ = &detail::all_names;
    return f;
  }

  [[nodiscard]] bool hears_all() const noexcept { return listed_ != nullptr && listed_->all; }
  [[nodiscard]] bool hears_nothing() const noexcept { return listed_ == nullptr; }
  /// Returns the names, sorted; none for a filter of all types.
  [[nodiscard]] const std::vector<std::string>& names() const noexcept {
    static const std::vector<std::string> none;
    const list* const listed = own();
    return listed != nullptr ? listed->names : none;
  }

  /// Adds a type; "*" adds all. The filter is as before when it throws `std::bad_alloc`.
  void add(std::string_view name) {
    if (name == "*") *this = everything();
    if (hears_all()) return;
    const auto at = std::lower_bound(names().begin(), names().end(), name) - names().begin();
    if (static_cast<std::size_t>(at) < names().size() && names()[static_cast<std::size_t>(at)] == name) return;
    list& changed = own_list();
    try {
      if (changed.hashes.size() == changed.hashes.capacity()) changed.hashes.reserve(2 * changed.hashes.size() + 1);
      changed.names.emplace(changed.names.begin() + at, name);
    } catch (...) {
      if (changed.names.empty()) *this = filter();
      throw;
    }
    changed.hashes.insert(changed.hashes.begin() + at, hash_type(name));  // there is room
  }

  /// "*" removes all. Removing one name from a filter of all types changes nothing: there is no "all but".
  void remove(std::string_view name) {
    if (name == "*") *this = filter();
    const auto at = std::lower_bound(names().begin(), names().end(), name) - names().begin();
    if (static_cast<std::size_t>(at) == names().size() || names()[static_cast<std::size_t>(at)] != name) return;
    list& changed = own_list();
    changed.hashes.erase(changed.hashes.begin() + at);
    changed.names.erase(changed.names.begin() + at);
    if (changed.names.empty()) *this = filter();
  }

  /// Returns whether the type is among those of the filter. `type_hash` is `hash_type(type)`.
  [[nodiscard]] bool matches(std::string_view type, std::uint32_t type_hash) const noexcept {
    if (hears_all()) return true;
    const list* const listed = own();
    if (listed == nullptr) return false;
    // Strangers choose the names, and could choose such whose hashes are equal: with many names nothing rests on those.
    if (listed->names.size() > few_names) return std::binary_search(listed->names.begin(), listed->names.end(), type);
    for (std::size_t i = 0; i < listed->hashes.size(); ++i)
      if (listed->hashes[i] == type_hash && listed->names[i] == type) return true;
    return false;
  }
  [[nodiscard]] bool matches(const log_entry& entry) const noexcept { return matches(entry.type, entry.type_hash); }

  friend bool operator==(const filter& a, const filter& b) noexcept {
    if (a.own() == nullptr || b.own() == nullptr) return a.hears_all() == b.hears_all() && a.own() == b.own();
    return a.listed_ == b.listed_ || a.names() == b.names();
  }

 private:
  static constexpr std::size_t few_names = 8;

  struct list : detail::shared_names {
    list() = default;
    list(const list& other) : shared_names(), names(other.names), hashes(other.hashes) {}
    list& operator=(const list&) = delete;

    std::vector<std::string> names;     // sorted
    std::vector<std::uint32_t> hashes;  // the hashes of the names, in their order
  };

  [[nodiscard]] list* own() const noexcept { return hears_all() ? nullptr : static_cast<list*>(listed_); }

  // Returns a list that no other filter shares, to be changed.
  list& own_list() {
    if (own() == nullptr) {
      listed_ = new list;
    } else if (own()->users.load(std::memory_order_acquire) > 1) {
      filter copy;
      copy.listed_ = new list(*own());
      std::swap(listed_, copy.listed_);
    }
    return *own();
  }

  detail::shared_names* listed_ = nullptr;  // null when there are none; one pointer, for each session has a filter
};

namespace detail {

/// For tables whose filters strangers choose: equal filters have equal hashes, and nobody without the key knows which
/// others do.
struct filter_hash {
  hash_key key{};

  // Not noexcept, though it does not throw: so libstdc++ keeps each hash beside its key and does not make it again.
  [[nodiscard]] std::size_t operator()(const filter& f) const {
    std::uint64_t sum = f.hears_all() ? 1 : 2;
    for (const std::string& name : f.names()) sum = sum * 31 + sip_hash<1, 3>(key, name);
    return static_cast<std::size_t>(sum);
  }
};

}  // namespace detail

}  // namespace hotline

/// For tables of filters that the host makes; of strangers' filters somebody can make as many collide as he likes.
template <>
struct std::hash<hotline::filter> {
  std::size_t operator()(const hotline::filter& f) const noexcept {
    std::size_t seed = f.hears_all() ? 1 : 2;
    for (const std::string& name : f.names()) seed = seed * 31 + hotline::hash_type(name);
    return seed;
  }
};
#endif
