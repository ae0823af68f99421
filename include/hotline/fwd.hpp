#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

/// \file
/// The names of the library, and the default arguments of its templates: they stand here and nowhere else. What each
/// parameter must model is said at the head of the class, where a complete type can be asked.

namespace hotline {

class event_emitter;
class filter;
class interval_heartbeat;
class json;
class json_object;
class memory_event_log;
class memory_transport;
class request;
class responder;
class subscription;

template <class Transport, class Heartbeat = interval_heartbeat>
class ws_manager;

}  // namespace hotline
#endif
