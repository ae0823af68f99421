#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// The built-in commands `subscribe` and `unsubscribe`.

#include <hotline/command/command_output.hpp>
#include <hotline/command/command_result.hpp>
#include <hotline/expected.hpp>
#include <hotline/metrics.hpp>
#include <hotline/options.hpp>
#include <hotline/protocol/json.hpp>
#include <hotline/protocol/json_writer.hpp>
#include <hotline/session/connection_info.hpp>
#include <hotline/session/filter.hpp>
#include <hotline/session/hook.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hotline::detail {

/// Changes the event types that a client receives. The answer has the types now, and the event after which they apply.
/// For one loop; the arguments of the constructor must outlive it.
class subscriptions {
 public:
  subscriptions(const session_limits& limits, live_metrics& counted, command_output& output) noexcept
      : limits_(limits), counted_(counted), output_(output) {}

  /// Sets the function that is asked before a client subscribes to a type that it did not receive; an error forbids it.
  /// Without the function every type is allowed.
  void authorize(std::function<std::optional<command_error>(const connection_info&, std::string_view type)> f) {
    authorize_ = std::move(f);
  }
  /// Returns whether the host is asked.
  [[nodiscard]] bool is_restricted() const noexcept { return static_cast<bool>(authorize_); }

  /// Returns the types of `wanted` that the host allows. When that is everything: all types, or none.
  [[nodiscard]] filter allowed(const connection_info& who, const filter& wanted) const {
    if (!authorize_) return wanted;
    filter left;
    if (wanted.hears_all() && !authorize_(who, "*")) left.add("*");
    for (const std::string& name : wanted.names()) {
      if (!authorize_) break;  // it was removed meanwhile: types that it was not asked about are not received
      if (!authorize_(who, name)) left.add(name);
    }
    return left;
  }

  /// Returns the client's event types, as an answer has them.
  [[nodiscard]] json_object told(const session& client) const {
    return json_object{{"events", names_of(client.wanted())}, {"seq", output_.position(client)}};
  }

  /// Returns the event types of a filter as JSON; `["*"]` for all.
  [[nodiscard]] static json_array names_of(const filter& heard) {
    json_array events;
    if (heard.hears_all()) events.append("*");
    for (const std::string& name : heard.names()) events.append(name);
    return events;
  }

  /// Adds the types in `payload["events"]`, all or none. The first `subscribe` of a client replaces the default.
  /// Returns the client's types, or an error: `invalid_payload`, `too_many_subscriptions` or the host's.
  [[nodiscard]] command_result subscribe(session& client, const json& payload) const {
    const auto names = read(payload);
    if (!names) return names.error();
    // The first subscription replaces the default; later ones add.
    filter wanted = client.has_subscribed() ? client.wanted() : filter();
    const name_list& added = *names;
    const connection_info who = authorize_ ? output_.info(client) : connection_info();
    if (const auto all = std::find(added.begin(), added.end(), "*"); all != added.end()) {
      if (auto refused = forbidden(who, added, all)) return *std::move(refused);
      return change(client, filter::everything());
    }
    for (auto name = added.begin(); name != added.end(); ++name) {
      const std::size_t before = wanted.names().size();
      wanted.add(*name);
      if (wanted.names().size() == before) continue;
      // At once: a message has room for thousands of names, and each is sorted in.
      if (wanted.names().size() > limits_.subscriptions) {
        counted_.limits[limit::subscriptions].add();
        return command_error{"too_many_subscriptions",
                             "at most " + std::to_string(limits_.subscriptions) + " event types", false};
      }
      if (auto refused = forbidden(who, added, name)) return *std::move(refused);
    }
    return change(client, wanted);
  }

  /// Removes the types in `payload["events"]`. Returns the client's types, or an error: `invalid_payload` or
  /// `subscribed_to_all`.
  [[nodiscard]] command_result unsubscribe(session& client, const json& payload) const {
    const auto names = read(payload);
    if (!names) return names.error();
    filter wanted = client.wanted();
    for (const std::string_view name : *names) {
      if (wanted.hears_all() && name != "*")
        return command_error{"subscribed_to_all", "every event type is subscribed: unsubscribe \"*\", or name some",
                             false};
      wanted.remove(name);
    }
    return change(client, wanted);
  }

 private:
  using name_list = std::vector<std::string_view>;

  // Said with its place, as everything that is wrong with a list of names.
  [[nodiscard]] std::optional<command_error> forbidden(const connection_info& who, const name_list& all,
                                                       name_list::const_iterator name) const {
    if (!authorize_) return std::nullopt;
    auto refused = authorize_(who, *name);
    if (!refused) return std::nullopt;
    if (refused->code.empty()) refused->code = "forbidden";
    refused->message.insert(0, "events[" + std::to_string(name - all.begin()) + "]: ");
    return refused;
  }

  [[nodiscard]] static expected<name_list, command_error> read(const json& payload) {
    const json events = payload["events"];
    if (!events.is_array()) return command_error{"invalid_payload", "events: expected array", false};
    name_list found;
    std::size_t index = 0;
    for (const json& event : events.elements()) {
      const std::optional<std::string_view> name = event.as_string();
      const std::string place = "events[" + std::to_string(index++) + "]: ";
      if (!name) return command_error{"invalid_payload", place + "expected string", false};
      if (*name != "*" && !is_event_type(*name))
        return command_error{"invalid_payload", place + "no event type", false};
      found.push_back(*name);
    }
    return found;
  }

  [[nodiscard]] command_result change(session& client, const filter& wanted) const {
    output_.subscribe(client, wanted);
    return told(client);
  }

  const session_limits& limits_;
  live_metrics& counted_;
  command_output& output_;
  hook<std::optional<command_error>(const connection_info&, std::string_view type)> authorize_;
};

}  // namespace hotline::detail
#endif
