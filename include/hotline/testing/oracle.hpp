#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Compares the messages that one client received with those that were emitted. Shares no code with the library.

#include <hotline/testing/message.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline::testing {

/// The events that were emitted in one project, and those that a log of so many events still has.
class history {
 public:
  struct entry {
    std::string type;
    std::uint64_t stamp = 0;  ///< a field of the event's own, different for each
    bool superseded = false;  ///< by a newer one of the same type and key
  };

  explicit history(std::uint64_t kept) : kept_(kept) {}

  void add(std::string type, std::string key, std::uint64_t stamp) {
    if (!key.empty()) {
      std::uint64_t& newest = newest_[type + '/' + key];
      if (newest != 0) entries_[static_cast<std::size_t>(newest) - 1].superseded = true;
      newest = end() + 1;
    }
    entries_.push_back({std::move(type), stamp});
  }

  [[nodiscard]] std::uint64_t end() const noexcept { return entries_.size(); }
  [[nodiscard]] std::uint64_t oldest_when(std::uint64_t end) const noexcept {
    return end < kept_ ? 1 : end - kept_ + 1;
  }
  [[nodiscard]] std::uint64_t oldest() const noexcept { return oldest_when(end()); }
  [[nodiscard]] const entry& at(std::uint64_t seq) const { return entries_.at(static_cast<std::size_t>(seq) - 1); }

 private:
  std::uint64_t kept_;
  std::vector<entry> entries_;
  std::map<std::string, std::uint64_t> newest_;
};

/// Which event types a client asked for.
struct interest {
  bool all = true;  ///< by default, until the client first subscribes, or because it named "*"
  bool by_default = true;
  std::set<std::string, std::less<>> types{};

  [[nodiscard]] bool in(std::string_view type) const { return all || types.contains(type); }
};

/// How a client connects.
struct entry_attempt {
  bool resumes = false;
  bool must_succeed = false;  ///< the token is the latest, unused, and its window is not over
  bool takes_gaps = false;    ///< `on_gap=continue`
  std::uint64_t last = 0;     ///< `last=N`
};

/// The messages of one client, counted.
struct oracle_counts {
  std::uint64_t heard = 0;  ///< events
  std::uint64_t gaps = 0;
  std::uint64_t resumed = 0;  ///< sockets over which its session went on
  std::uint64_t refused = 0;  ///< sockets over which it did not, although the client asked for it
  std::uint64_t answers = 0;
};

/// One client and its session, over as many sockets as it takes. A broken promise goes to `complain`.
class oracle {
 public:
  oracle(const history& truth, std::string project, std::function<void(std::string)> complain)
      : truth_(truth), project_(std::move(project)), complain_(std::move(complain)) {}

  [[nodiscard]] std::uint64_t cursor() const noexcept { return cursor_; }
  [[nodiscard]] const std::string& session() const noexcept { return session_; }
  [[nodiscard]] const std::string& token() const noexcept { return token_; }
  [[nodiscard]] const std::string& epoch() const noexcept { return epoch_; }
  [[nodiscard]] const interest& hears() const noexcept { return known_; }
  [[nodiscard]] bool greeted() const noexcept { return greeted_; }
  [[nodiscard]] bool awaits_filter() const noexcept { return wanted_.has_value(); }

  [[nodiscard]] const oracle_counts& counts() const noexcept { return counts_; }

  /// A new socket; the one before is looked at no more.
  void connecting(entry_attempt how) {
    attempt_ = how;
    greeted_ = false;
    // A change without an answer may have been made or not.
    uncertain_ = uncertain_ || wanted_.has_value();
  }

  void sent(std::uint64_t id) { ++commands_[id].sent; }
  void sent_filter(std::uint64_t id, interest wanted) {
    sent(id);
    filter_id_ = id;
    wanted_ = std::move(wanted);
  }

  /// Commands of this session that were not answered yet, and how they were sent.
  [[nodiscard]] std::vector<std::uint64_t> unanswered() const {
    std::vector<std::uint64_t> ids;
    for (const auto& [id, c] : commands_)
      if (c.answered == 0) ids.push_back(id);
    return ids;
  }

  void message(const tree& m) {
    const std::string_view type = m["type"].text;
    if (!m["timestamp"]) return wrong("a message without a timestamp");
    if (type == "connected") return on_connected(m);
    if (!greeted_) return wrong("something before `connected`: " + std::string(type));
    if (type == "event") return on_event(m);
    if (type == "gap") return on_gap(m["from"].number(), m["to"].number());
    if (type == "position") return pass(m["seq"].number(), "a position");
    if (type == "command_response" || type == "command_error") return on_answer(m, type == "command_error");
    if (type == "command_progress") {
      if (commands_[m["id"].number()].answered > 0) wrong("progress behind the answer");
    } else if (type != "pong" && type != "disconnected" && type != "error") {
      wrong("an unknown message: " + std::string(type));
    }
  }

  /// Everything has settled and the client reads: nothing may be missing.
  void finish() {
    if (!greeted_) return wrong("never came back");
    pass(truth_.end(), "the end");
    for (const std::uint64_t id : unanswered()) wrong("command " + std::to_string(id) + " was never answered");
  }

 private:
  struct command {
    std::uint64_t sent = 0;
    std::uint64_t answered = 0;
    std::string answer{};
  };

  void wrong(const std::string& what) { complain_(what + " (at " + std::to_string(cursor_) + ")"); }

  [[nodiscard]] bool must_hear(std::uint64_t seq) const {
    const history::entry& e = truth_.at(seq);
    return !e.superseded && known_.in(e.type) && (!uncertain_ || wanted_->in(e.type)) &&
           (seq > blurred_until_ || before_.in(e.type));
  }
  [[nodiscard]] bool may_hear(std::uint64_t seq) const {
    const history::entry& e = truth_.at(seq);
    return known_.in(e.type) || (uncertain_ && wanted_->in(e.type)) || (seq <= blurred_until_ && before_.in(e.type));
  }

  // Nothing that the client had to receive is between the cursor and here, this included; the cursor moves on.
  void pass(std::uint64_t seq, const char* what) {
    if (seq > truth_.end()) return wrong(std::string(what) + " beyond the log's end");
    for (std::uint64_t s = cursor_ + 1; s <= seq; ++s)
      if (must_hear(s)) wrong("event " + std::to_string(s) + " was lost before " + what);
    cursor_ = std::max(cursor_, seq);
  }

  void on_event(const tree& m) {
    const std::uint64_t seq = m["seq"].number();
    if (seq == 0 || seq > truth_.end()) return wrong("an event that was never emitted: " + std::to_string(seq));
    if (seq <= cursor_) return wrong("event " + std::to_string(seq) + " came twice, or late");
    pass(seq - 1, "another event");
    const history::entry& e = truth_.at(seq);
    if (m["event_type"].text != e.type || m["stamp"].number() != e.stamp || m["project_id"].text != project_)
      wrong("event " + std::to_string(seq) + " is not what was emitted");
    if (!may_hear(seq)) wrong("event " + std::to_string(seq) + " was not subscribed to");
    cursor_ = seq;
    ++counts_.heard;
  }

  void on_gap(std::uint64_t from, std::uint64_t to) {
    ++counts_.gaps;
    if (from > to || from <= cursor_) return wrong("a gap that makes no sense");
    pass(from - 1, "a gap");
    if (to >= truth_.oldest()) wrong("a gap over what is still kept: to " + std::to_string(to));
    cursor_ = to;
  }

  void on_connected(const tree& m) {
    if (std::exchange(greeted_, true)) return wrong("greeted twice");
    const std::uint64_t end = m["seq"].number();
    if (end > truth_.end()) wrong("`connected` is ahead of the log");
    const std::uint64_t oldest = truth_.oldest_when(end);
    const bool evicted = cursor_ + 1 < oldest;
    token_ = m["resume"]["token"].text;
    if (m["resumed"].is_true()) {
      ++counts_.resumed;
      if (!attempt_.resumes) wrong("resumed without asking");
      if (m["connection_id"].text != session_) wrong("resumed as somebody else");
      if (m["epoch"].text != epoch_) wrong("resumed in another epoch");
      if (evicted && !attempt_.takes_gaps) wrong("resumed over what is evicted");
      return;
    }
    if (attempt_.resumes) {
      ++counts_.refused;
      const std::string_view reason = m["reason"].text;
      const bool fair = evicted && !attempt_.takes_gaps && reason == "evicted";
      if (attempt_.must_succeed && !fair) wrong("a good token was refused: " + std::string(reason));
    }
    session_ = m["connection_id"].text;
    epoch_ = m["epoch"].text;
    commands_.clear();
    known_ = {};
    wanted_.reset();
    uncertain_ = false;
    cursor_ = std::max(end - std::min(end, attempt_.last), oldest - 1);
  }

  void on_answer(const tree& m, bool failed) {
    const std::uint64_t id = m["id"].number();
    const auto found = commands_.find(id);
    if (found == commands_.end()) return wrong("an answer to what was not asked: " + std::to_string(id));
    command& c = found->second;
    ++counts_.answers;
    const tree& outcome = failed ? m["error"]["code"] : m["result"]["n"];
    const std::string answer(outcome.text);
    if (++c.answered > c.sent) wrong("command " + std::to_string(id) + " was answered more often than sent");
    if (c.answered > 1 && c.answer != answer) wrong("command " + std::to_string(id) + " has two answers");
    c.answer = answer;
    if (!failed && outcome && outcome.number() != id) wrong("command " + std::to_string(id) + " has another's answer");
    if (!wanted_ || id != filter_id_) return;
    if (!failed) {
      const std::uint64_t since = m["result"]["seq"].number();
      if (!uncertain_) {
        pass(since, "a new filter");
      } else {
        // The answer may be a repeated one: the filter may have changed at this number, or on the way there.
        before_ = known_;
        blurred_until_ = std::min(since, truth_.end());
      }
      known_ = *wanted_;
    }
    wanted_.reset();
    uncertain_ = false;
  }

  oracle_counts counts_;
  const history& truth_;
  std::string project_;
  std::function<void(std::string)> complain_;
  entry_attempt attempt_;
  bool greeted_ = false;
  std::string session_, token_, epoch_;
  std::uint64_t cursor_ = 0;
  interest known_;
  std::optional<interest> wanted_;
  std::uint64_t filter_id_ = 0;
  bool uncertain_ = false;
  interest before_;  // the subscription before, for events up to this number
  std::uint64_t blurred_until_ = 0;
  std::map<std::uint64_t, command> commands_;
};

}  // namespace hotline::testing
#endif
