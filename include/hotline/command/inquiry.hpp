#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Inbound, at the upgrade: an admission that comes later, from any thread, is brought to the loop.

#include <hotline/command/pending_command.hpp>
#include <hotline/session/admission.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace hotline::detail {

/// Makes the responder of one admission. Its answer is handed to `answered` on the loop, or to nobody when that has
/// stopped.
class inquiry final : public admission_source {
 public:
  inquiry(std::shared_ptr<command_sink> loop, admission_responder::receiver answered)
      : loop_(std::move(loop)), answered_(std::move(answered)) {}

  [[nodiscard]] admission_responder make() override {
    made_ = true;
    return admission_responder([loop = loop_, answered = std::move(answered_)](std::optional<admission> told) {
      loop->post([answered, told = std::move(told)] { answered(told); });
    });
  }

  [[nodiscard]] bool made() const noexcept { return made_; }

 private:
  const std::shared_ptr<command_sink> loop_;
  admission_responder::receiver answered_;
  bool made_ = false;
};

}  // namespace hotline::detail
#endif
