#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

/// \file
/// Everything, for a start; the specific headers compile faster.

#include <hotline/event_emitter.hpp>
#include <hotline/make_ws_manager.hpp>
#include <hotline/project_events.hpp>
#include <hotline/transport/asio_transport.hpp>
#include <hotline/version.hpp>
#include <hotline/ws_manager.hpp>
#endif
