#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Inbound 5/6: what commands need to know of whoever sent them. No I/O here.

#include <hotline/command/command_table.hpp>
#include <hotline/command/request.hpp>
#include <hotline/session/connection_info.hpp>
#include <hotline/session/filter.hpp>
#include <hotline/types.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace hotline::detail {

/// The sender of commands, as the desk sees it.
class command_client {
 public:
  virtual std::uint64_t number() const noexcept = 0;
  virtual const std::shared_ptr<const command_origin>& origin() const noexcept = 0;
  virtual connection_info info() const = 0;
  virtual command_table& commands() = 0;
  /// Queues a message for this client alone.
  virtual void answer(std::string_view text) = 0;
  /// There was no memory to answer it: its connection ends.
  virtual void give_up() noexcept = 0;
  /// The host has said anew who it is, and until when that holds; nothing: for ever.
  virtual void renew(std::optional<wall_time> until) = 0;

  virtual const filter& hears() const noexcept = 0;
  /// Whether the client has ever subscribed; before that its filter is the manager's default.
  virtual bool has_subscribed() const noexcept = 0;
  virtual void subscribe(const filter& wanted) = 0;
  /// The last event that was sent to it, or passed it by: a new filter holds for those after.
  virtual sequence position() const noexcept = 0;
  virtual sequence log_end() const = 0;

 protected:
  ~command_client() = default;
};

}  // namespace hotline::detail
#endif
