#pragma once

#include <hotline/concepts.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hotline {

/// Which event types a client hears: all, or those it named. A value; equal filters share their work.
class filter {
 public:
  /// Hears nothing.
  filter() = default;
  [[nodiscard]] static filter everything() {
    filter f;
    f.all_ = true;
    return f;
  }

  [[nodiscard]] bool hears_all() const noexcept { return all_; }
  [[nodiscard]] bool hears_nothing() const noexcept { return !all_ && names_.empty(); }
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }

  /// "*" names all.
  void add(std::string_view name) {
    if (name == "*") all_ = true;
    if (all_) {
      names_.clear();
      hashes_.clear();
      return;
    }
    const auto at = std::lower_bound(names_.begin(), names_.end(), name);
    if (at != names_.end() && *at == name) return;
    hashes_.insert(hashes_.begin() + (at - names_.begin()), hash_type(name));
    names_.emplace(at, name);
  }

  /// "*" removes all. Removing one name from a filter that hears all changes nothing: there is no "all but".
  void remove(std::string_view name) {
    if (name == "*") {
      *this = filter();
      return;
    }
    const auto at = std::lower_bound(names_.begin(), names_.end(), name);
    if (at == names_.end() || *at != name) return;
    hashes_.erase(hashes_.begin() + (at - names_.begin()));
    names_.erase(at);
  }

  [[nodiscard]] bool matches(std::string_view type, std::uint32_t type_hash) const noexcept {
    if (all_) return true;
    for (std::size_t i = 0; i < hashes_.size(); ++i)
      if (hashes_[i] == type_hash && names_[i] == type) return true;
    return false;
  }
  [[nodiscard]] bool matches(const log_entry& entry) const noexcept { return matches(entry.type, entry.type_hash); }

  friend bool operator==(const filter& a, const filter& b) noexcept { return a.all_ == b.all_ && a.names_ == b.names_; }

 private:
  bool all_ = false;
  std::vector<std::string> names_;     // sorted
  std::vector<std::uint32_t> hashes_;  // of the names, in their order
};

}  // namespace hotline

template <>
struct std::hash<hotline::filter> {
  std::size_t operator()(const hotline::filter& f) const noexcept {
    std::size_t seed = f.hears_all() ? 1 : 2;
    for (const std::string& name : f.names()) seed = seed * 31 + hotline::hash_type(name);
    return seed;
  }
};
