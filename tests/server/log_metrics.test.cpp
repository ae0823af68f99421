#include <catch2_any.hpp>
#include <hotline/server/log_metrics.hpp>

using namespace hotline;

TEST_CASE("each figure of a log has its place in a manager's metrics", "[server]") {
  log_status log;
  log.projects = 1;
  log.bytes = 2;
  log.appended = 3;
  log.evicted = 4;
  log.crowded_out = 5;
  log.refused = 6;
  log.projects_crowded_out = 7;
  manager_metrics told;
  told.connections = 8;
  detail::put_in(told, log);
  CHECK(told.log_projects == 1);
  CHECK(told.log_bytes == 2);
  CHECK(told.log_appended == 3);
  CHECK(told.log_evicted == 4);
  CHECK(told.log_crowded_out == 5);
  CHECK(told.log_refused == 6);
  CHECK(told.log_projects_crowded_out == 7);
  CHECK(told.connections == 8);
}
