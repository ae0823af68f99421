#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/keyed_hash.hpp>
#include <hotline/log/entry.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hotline {

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
  [[nodiscard]] static filter everything() {
    filter f;
    f.all_ = true;
    return f;
  }

  [[nodiscard]] bool hears_all() const noexcept { return all_; }
  [[nodiscard]] bool hears_nothing() const noexcept { return !all_ && !listed_; }
  /// Returns the names, sorted; none for a filter of all types.
  [[nodiscard]] const std::vector<std::string>& names() const noexcept {
    static const std::vector<std::string> none;
    return listed_ ? listed_->names : none;
  }

  /// Adds a type; "*" adds all.
  void add(std::string_view name) {
    if (name == "*") *this = everything();
    if (all_) return;
    const auto at = std::lower_bound(names().begin(), names().end(), name) - names().begin();
    if (static_cast<std::size_t>(at) < names().size() && names()[static_cast<std::size_t>(at)] == name) return;
    list& own = own_list();
    own.hashes.insert(own.hashes.begin() + at, hash_type(name));
    own.names.emplace(own.names.begin() + at, name);
  }

  /// "*" removes all. Removing one name from a filter of all types changes nothing: there is no "all but".
  void remove(std::string_view name) {
    if (name == "*") *this = filter();
    const auto at = std::lower_bound(names().begin(), names().end(), name) - names().begin();
    if (static_cast<std::size_t>(at) == names().size() || names()[static_cast<std::size_t>(at)] != name) return;
    list& own = own_list();
    own.hashes.erase(own.hashes.begin() + at);
    own.names.erase(own.names.begin() + at);
    if (own.names.empty()) listed_.reset();
  }

  /// Returns whether the type is among those of the filter. `type_hash` is `hash_type(type)`.
  [[nodiscard]] bool matches(std::string_view type, std::uint32_t type_hash) const noexcept {
    if (all_) return true;
    if (!listed_) return false;
    // Strangers choose the names, and could choose such whose hashes are equal: with many names nothing rests on those.
    if (listed_->names.size() > few_names)
      return std::binary_search(listed_->names.begin(), listed_->names.end(), type);
    for (std::size_t i = 0; i < listed_->hashes.size(); ++i)
      if (listed_->hashes[i] == type_hash && listed_->names[i] == type) return true;
    return false;
  }
  [[nodiscard]] bool matches(const log_entry& entry) const noexcept { return matches(entry.type, entry.type_hash); }

  friend bool operator==(const filter& a, const filter& b) noexcept {
    return a.all_ == b.all_ && (a.listed_ == b.listed_ || a.names() == b.names());
  }

 private:
  static constexpr std::size_t few_names = 8;

  struct list {
    std::vector<std::string> names;     // sorted
    std::vector<std::uint32_t> hashes;  // the hashes of the names, in their order
  };

  // To be changed: nobody else's.
  list& own_list() {
    if (!listed_)
      listed_ = std::make_shared<list>();
    else if (listed_.use_count() > 1)
      listed_ = std::make_shared<list>(*listed_);
    return *listed_;
  }

  std::shared_ptr<list> listed_;  // null when there are none
  bool all_ = false;
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
