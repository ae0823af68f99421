#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/log/status.hpp>
#include <hotline/metrics.hpp>

namespace hotline::detail {

/// Puts a log's figures into a manager's metrics.
inline void put_in(manager_metrics& told, const log_status& log) noexcept {
  told.log_projects = log.projects;
  told.log_bytes = log.bytes;
  told.log_appended = log.appended;
  told.log_evicted = log.evicted;
  told.log_crowded_out = log.crowded_out;
  told.log_refused = log.refused;
  told.log_projects_crowded_out = log.projects_crowded_out;
}

}  // namespace hotline::detail
#endif
