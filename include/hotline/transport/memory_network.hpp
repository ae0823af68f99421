// The places that a memory_dialer can reach, within the process. No sockets, no real time.
#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/memory_peer.hpp>
#include <hotline/transport/memory_transport.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hotline {

/// An address at which somebody listens, or not, for `memory_dialer`.
struct memory_place {
  enum class manner {
    accepts,
    refuses,
    silent,  ///< never says anything: a dial ends by its timeout
  };

  manner how = manner::accepts;
  std::chrono::nanoseconds delay{0};  ///< until it accepts or refuses
  /// Receives the far end of each connection, before its `on_open`; it may send at once. Empty: they wait for `accept`. To such
  /// an end `closed_by_server` says that the dialer's side has ended.
  std::function<void(std::shared_ptr<memory_peer>)> on_accept{};
};

/// A name that `memory_dialer` can resolve.
struct memory_name {
  std::vector<std::string> addresses{};
  std::chrono::nanoseconds delay{0};  ///< until they are found
  bool is_silent = false;             ///< they are never found
};

/// All names and places of a test's world. An address that has no place refuses, a name without entry has no address.
///
///     auto network = std::make_shared<hotline::memory_network>();
///     network->name("redis") = {{"10.0.0.1", "10.0.0.2"}};
///     network->place("10.0.0.1", 6379) = {.how = hotline::memory_place::manner::silent};
///     network->place("10.0.0.2", 6379) = {};
///     hotline::memory_dialer dialer(network);
///
/// For one thread.
class memory_network {
 public:
  /// The place at a numeric address and port, to be changed at any time. A Unix path has port 0.
  [[nodiscard]] memory_place& place(const std::string& address, std::uint16_t port) {
    return places_[{address, port}].place;
  }

  [[nodiscard]] memory_name& name(const std::string& host) { return names_[host]; }

  /// A transport of this process listens at that place. Its loop runs whenever the dialer's does. It must outlive the network,
  /// and share the dialer's clock.
  void join(const std::string& address, std::uint16_t port, memory_transport& transport) {
    if (std::find(joined_.begin(), joined_.end(), &transport) == joined_.end()) joined_.push_back(&transport);
    place(address, port).on_accept = [this, &transport](std::shared_ptr<memory_peer> theirs) {
      lines_.push_back({std::move(theirs), transport.connect()});
    };
  }

  /// Returns the far end of the oldest connection to that place that was not returned before; null when there is none.
  [[nodiscard]] std::shared_ptr<memory_peer> accept(const std::string& address, std::uint16_t port) {
    auto& waiting = places_[{address, port}].waiting;
    if (waiting.empty()) return nullptr;
    auto first = std::move(waiting.front());
    waiting.pop_front();
    return first;
  }

  // -------------------------------------------------------------------------------------------- for the dialer

  /// Returns the place there; null where there is none.
  [[nodiscard]] const memory_place* find_place(const std::string& address, std::uint16_t port) const {
    const auto found = places_.find({address, port});
    return found == places_.end() ? nullptr : &found->second.place;
  }

  [[nodiscard]] const memory_name* find_name(const std::string& host) const {
    const auto found = names_.find(host);
    return found == names_.end() ? nullptr : &found->second;
  }

  void take(const std::string& address, std::uint16_t port, std::shared_ptr<memory_peer> theirs) {
    auto& there = places_[{address, port}];
    if (const auto f = there.place.on_accept) return f(std::move(theirs));
    there.waiting.push_back(std::move(theirs));
  }

  /// Runs the transports that have joined, and carries what their clients and the dialer have sent. Returns whether there was
  /// something.
  bool run() {
    for (std::size_t i = 0; i < joined_.size(); ++i) joined_[i]->run();  // a callback may join another
    bool moved = false;
    for (auto at = lines_.begin(); at != lines_.end();) {
      moved = at->carry() || moved;
      at = at->is_over() ? lines_.erase(at) : std::next(at);
    }
    return moved;
  }

 private:
  struct entry {
    memory_place place;
    std::deque<std::shared_ptr<memory_peer>> waiting;
  };

  /// The middle of a connection from a dialer to a transport: the far ends of both, of which each sends what the other receives.
  struct line {
    std::shared_ptr<memory_peer> ours, theirs;
    bool ours_ended = false, theirs_ended = false;

    static bool carry(memory_peer& from, memory_peer& to, bool& ended) {
      if (ended) return false;
      const std::string bytes = from.take();
      if (!bytes.empty()) to.send(bytes);
      ended = from.closed_by_server();
      if (ended) from.was_reset() ? to.reset() : to.close();
      return ended || !bytes.empty();
    }
    bool carry() {
      const bool out = carry(*ours, *theirs, ours_ended);
      return carry(*theirs, *ours, theirs_ended) || out;
    }
    [[nodiscard]] bool is_over() const noexcept { return ours_ended && theirs_ended; }
  };

  std::map<std::pair<std::string, std::uint16_t>, entry> places_;
  std::map<std::string, memory_name> names_;
  std::vector<memory_transport*> joined_;
  std::list<line> lines_;
};

}  // namespace hotline
#endif
