#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/connection/connection.hpp>
#include <hotline/intrusive_list.hpp>

namespace hotline::detail {

/// Sends what a connection is owed.
class settler {
 public:
  /// May touch connections; calls nothing of the host's.
  virtual void settle(connection& c) noexcept = 0;

 protected:
  ~settler() = default;
};

/// The connections that have something to send. However much a turn of the loop gives to a connection, that is sent once,
/// when the outermost turn ends.
///
///     const turn_list::turn scope(turns);
///     turns.touch(c);   // settled when `scope` ends
class turn_list {
 public:
  explicit turn_list(settler& output) noexcept : output_(output) {}

  class turn {
   public:
    explicit turn(turn_list& turns) noexcept : turns_(turns) { ++turns_.depth_; }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    ~turn() {
      if (turns_.depth_ == 1) turns_.settle_all();
      --turns_.depth_;
    }

   private:
    turn_list& turns_;
  };

  /// `c` is settled when the turn ends.
  void touch(connection& c) noexcept {
    if (!decltype(touched_)::is_linked(c)) touched_.push_back(c);
  }

  /// The connection is going.
  void forget(connection& c) noexcept {
    if (decltype(touched_)::is_linked(c)) touched_.remove(c);
  }

 private:
  void settle_all() noexcept {
    while (connection* const c = touched_.pop_front()) output_.settle(*c);
  }

  settler& output_;
  intrusive_list<connection, &connection_notes::turn> touched_;
  int depth_ = 0;
};

}  // namespace hotline::detail
#endif
