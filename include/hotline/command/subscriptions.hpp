#pragma once
// Inbound 5/6: the built-in commands `subscribe` and `unsubscribe`.

#include <hotline/command/command_client.hpp>
#include <hotline/command/command_result.hpp>
#include <hotline/options.hpp>
#include <hotline/protocol/json.hpp>
#include <hotline/protocol/json_writer.hpp>
#include <hotline/session/filter.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hotline::detail {

/// Changes what a client hears; answers with what it hears now, and from which event on that holds.
class subscriptions {
 public:
  explicit subscriptions(const session_limits& limits) : limits_(limits) {}

  [[nodiscard]] command_result subscribe(command_client& client, const json& payload) const {
    const auto names = read(payload);
    if (const auto* const wrong = std::get_if<command_error>(&names)) return *wrong;
    // The first subscription replaces the default; later ones add.
    filter wanted = client.has_subscribed() ? client.hears() : filter();
    const auto& added = std::get<0>(names);
    if (std::find(added.begin(), added.end(), "*") != added.end()) return change(client, filter::everything());
    for (const std::string_view name : added) {
      wanted.add(name);
      // At once: a message has room for thousands of names, and each is sorted in.
      if (wanted.names().size() > limits_.subscriptions)
        return command_error{"too_many_subscriptions",
                             "at most " + std::to_string(limits_.subscriptions) + " event types", false};
    }
    return change(client, wanted);
  }

  [[nodiscard]] command_result unsubscribe(command_client& client, const json& payload) const {
    const auto names = read(payload);
    if (const auto* const wrong = std::get_if<command_error>(&names)) return *wrong;
    filter wanted = client.hears();
    for (const std::string_view name : std::get<0>(names)) {
      if (wanted.hears_all() && name != "*")
        return command_error{"subscribed_to_all", "every event type is subscribed: unsubscribe \"*\", or name some",
                             false};
      wanted.remove(name);
    }
    return change(client, wanted);
  }

 private:
  using names_or_error = std::variant<std::vector<std::string_view>, command_error>;

  [[nodiscard]] static names_or_error read(const json& payload) {
    const json events = payload["events"];
    if (!events.is_array()) return command_error{"invalid_payload", "events: expected array", false};
    std::vector<std::string_view> names;
    std::size_t index = 0;
    for (const json& event : events.elements()) {
      const std::optional<std::string_view> name = event.as_string();
      const std::string place = "events[" + std::to_string(index++) + "]: ";
      if (!name) return command_error{"invalid_payload", place + "expected string", false};
      if (*name != "*" && !is_event_type(*name))
        return command_error{"invalid_payload", place + "no event type", false};
      names.push_back(*name);
    }
    return names;
  }

  [[nodiscard]] static command_result change(command_client& client, const filter& wanted) {
    client.subscribe(wanted);
    json_array events;
    if (wanted.hears_all()) events.append("*");
    for (const std::string& name : wanted.names()) events.append(name);
    return json_object{{"events", events}, {"seq", client.position()}};
  }

  const session_limits& limits_;
};

}  // namespace hotline::detail
