#pragma once

/// \file
/// The library's bodies, for one source file of a program whose other files define `HOTLINE_COMPILED` too. It stands
/// first in that file. The CMake target `hotline::compiled` has such a file.
///
///     // hotline.cpp
///     #include <hotline/src.hpp>

#if !defined(HOTLINE_COMPILED)
#define HOTLINE_COMPILED
#endif

#include <hotline/compiled.hpp>
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#if !HOTLINE_DETAIL_COMPILED
#error "<hotline/src.hpp> stands before all other headers of hotline: those were compiled without HOTLINE_COMPILED"
#endif

#include <hotline/command/responder.ipp>
#include <hotline/connection/connection.ipp>
#include <hotline/crowd.ipp>
#include <hotline/entry_table.ipp>
#include <hotline/event_emitter.ipp>
#include <hotline/listener_list.ipp>
#include <hotline/log/memory_event_log.ipp>
#include <hotline/log/memory_stream.ipp>
#include <hotline/log/project_table.ipp>
#include <hotline/manager.ipp>
#include <hotline/observers.ipp>
#include <hotline/protocol/json_document.ipp>
#include <hotline/protocol/json_reader.ipp>
#include <hotline/protocol/json_writer.ipp>
#include <hotline/room/room.ipp>
#include <hotline/server/hub.ipp>
#include <hotline/transport/asio_transport.ipp>
#include <hotline/transport/dialing/dial_desk.ipp>
#if !defined(_WIN32)
#include <hotline/transport/asio_dialer.ipp>
#endif
#if defined(__linux__)
#include <hotline/transport/epoll_dialer.ipp>
#include <hotline/transport/epoll_transport.ipp>
#endif
#include <hotline/wire/decoder.ipp>
#include <hotline/wire/frame_reader.ipp>
#include <hotline/wire/handshake.ipp>
#include <hotline/wire/head_reader.ipp>
#include <hotline/wire/http.ipp>
#endif
