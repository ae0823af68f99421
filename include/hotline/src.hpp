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

#include <hotline/protocol/json_reader.ipp>
#include <hotline/protocol/json_writer.ipp>
#include <hotline/transport/asio_transport.ipp>
#endif
