#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/intrusive_list.hpp>
#include <hotline/keyed_table.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace hotline::detail {

class session;

/// The links of those who keep sessions. `session_table` writes them.
struct session_links {
  list_link<session> among_waiting;  ///< while it is detached
  list_link<session> of_address;     ///< while it is detached
};

/// The connections and detached sessions of one address.
struct address_record : keyed_entry {
  using keyed_entry::keyed_entry;

  std::uint32_t connections = 0;
  std::uint32_t users = 0;  ///< connections and sessions that point to it
  /// Its detached sessions, the one that has waited longest first.
  intrusive_list<session, &session_links::of_address> waiting{};
};

/// The addresses that have connections or sessions here. For one loop. A record stays while something uses it, so that
/// a session can be detached without memory.
///
///     address_record* here = table.use("192.0.2.1");         // a connection
///     address_record* waits = address_table::share(here);    // its session
///     table.let_go(here);                                    // the record stays for the session
class address_table {
 public:
  explicit address_table(const hash_key& key = {}) : records_(key) {}

  /// Returns the record, null when nothing uses the address.
  [[nodiscard]] const address_record* find(std::string_view address) const noexcept { return records_.find(address); }

  /// Returns the address's record, which stays until each `use` has been followed by `let_go`; null for no address.
  [[nodiscard]] address_record* use(const std::string& address) {
    if (address.empty()) return nullptr;
    address_record* const known = records_.find(address);
    return share(known != nullptr ? known : &records_.add(address));
  }

  /// Counts one more user of the record, and returns it.
  [[nodiscard]] static address_record* share(address_record* record) noexcept {
    if (record != nullptr) ++record->users;
    return record;
  }

  /// Counts one user less, and sets `record` to null. The record is destroyed with its last user.
  void let_go(address_record*& record) noexcept {
    address_record* const left = std::exchange(record, nullptr);
    if (left != nullptr && --left->users == 0) records_.erase(*left);
  }

 private:
  keyed_table<address_record> records_;
};

}  // namespace hotline::detail

// A record lists sessions, and nothing that uses one compiles before they are known; session.hpp includes this header.
#include <hotline/session/session.hpp>
#endif
