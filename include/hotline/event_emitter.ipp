#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/event_emitter.hpp>

#include <hotline/protocol/event_message.hpp>

#include <system_error>

// Qt defines `emit` as nothing.
#pragma push_macro("emit")
#undef emit

namespace hotline {

HOTLINE_DETAIL_INLINE event_emitter::event_emitter(log_options limits, std::shared_ptr<environment> env)
    : log_(std::make_shared<memory_event_log>(std::move(env), limits)) {}

HOTLINE_DETAIL_INLINE result<sequence> event_emitter::emit(std::string_view project, std::string_view type,
                                                           const json_object& fields, const emit_options& options) {
  thread_local detail::split_text text;  // so that an event costs no allocation beyond the log's own
  try {
    if (project.empty()) return errc::invalid_project;
    if (const std::error_code refused = detail::split_event(text, type, project, fields, log_->env().wall_now()))
      return failure{refused, refused.message()};
    // Listeners throw nothing back: once the event is in the log there is no failure.
    result<sequence> seq = log_->append(project, {text.head, text.tail, detail::type_in(text), options.key});
    if (seq && !listeners_.empty()) listeners_.call({project, type, *seq, fields});
    return seq;
  } catch (const std::bad_alloc&) {
    return errc::out_of_memory;
  }
}

}  // namespace hotline

#pragma pop_macro("emit")
#endif
