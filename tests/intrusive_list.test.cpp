#include <catch2_any.hpp>
#include <hotline/intrusive_list.hpp>

#include <vector>

using hotline::detail::intrusive_list;
using hotline::detail::list_link;

namespace {

struct job {
  list_link<job> queue;
  list_link<job> archive;
};
using job_queue = intrusive_list<job, &job::queue>;
using job_archive = intrusive_list<job, &job::archive>;

std::vector<job*> all_of(job_queue& q) {
  std::vector<job*> jobs;
  while (job* const next = q.pop_front()) jobs.push_back(next);
  return jobs;
}

using found = std::vector<job*>;

}  // namespace

TEST_CASE("objects leave a list in the order in which they came, each once", "[intrusive_list]") {
  job a, b, c;
  job_queue q;
  CHECK(q.empty());
  CHECK(q.front() == nullptr);
  CHECK(q.pop_front() == nullptr);
  for (job* const each : {&a, &b, &c}) q.push_back(*each);
  CHECK_FALSE(q.empty());
  CHECK(q.size() == 3);
  CHECK(q.front() == &a);
  CHECK(all_of(q) == found{&a, &b, &c});
  CHECK(q.size() == 0);
  q.push_back(b);
  CHECK(all_of(q) == found{&b});
}

TEST_CASE("an object may leave a list from anywhere", "[intrusive_list]") {
  job a, b, c;
  for (job* const gone : {&a, &b, &c}) {
    job_queue q;
    for (job* const each : {&a, &b, &c}) q.push_back(*each);
    CHECK(job_queue::is_linked(*gone));
    q.remove(*gone);
    CHECK_FALSE(job_queue::is_linked(*gone));
    found rest;
    for (job* const each : {&a, &b, &c})
      if (each != gone) rest.push_back(each);
    CHECK(q.size() == rest.size());
    CHECK(all_of(q) == rest);
  }
}

TEST_CASE("a list takes another's objects after its own", "[intrusive_list]") {
  job a, b, c, d;
  job_queue q, others;
  q.splice(others);
  CHECK(q.empty());
  others.push_back(a);
  others.push_back(b);
  q.splice(others);
  CHECK(others.empty());
  CHECK(others.size() == 0);
  others.push_back(c);
  others.push_back(d);
  q.splice(others);
  CHECK(q.size() == 4);
  q.remove(c);
  CHECK(all_of(q) == found{&a, &b, &d});
  CHECK(others.empty());
}

TEST_CASE("each link of an object is for one list, whatever the other links are in", "[intrusive_list]") {
  job a, b;
  job_queue q;
  job_archive archive;
  q.push_back(a);
  archive.push_back(b);
  archive.push_back(a);
  q.remove(a);
  CHECK(q.empty());
  CHECK(job_archive::is_linked(a));
  CHECK(archive.size() == 2);
  CHECK(archive.pop_front() == &b);
  CHECK(archive.pop_front() == &a);
}

TEST_CASE("a list is walked in order, and an object that is appended meanwhile is reached", "[intrusive_list]") {
  job a, b, late;
  job_queue q;
  q.push_back(a);
  q.push_back(b);
  found walked;
  for (job& each : q) {
    walked.push_back(&each);
    if (&each == &b) q.push_back(late);
  }
  CHECK(walked == found{&a, &b, &late});
}

TEST_CASE("a list that is cleared is empty, and its objects may come again", "[intrusive_list]") {
  job a, b;
  job_queue q;
  q.push_back(a);
  q.push_back(b);
  q.clear();
  CHECK(q.empty());
  CHECK(q.size() == 0);
  CHECK_FALSE(job_queue::is_linked(a));
  q.push_back(b);
  CHECK(all_of(q) == found{&b});
}

TEST_CASE("a list that ends unlinks what is left in it", "[intrusive_list]") {
  job a, b;
  {
    job_queue q;
    q.push_back(a);
    q.push_back(b);
  }
  CHECK_FALSE(job_queue::is_linked(a));
  CHECK_FALSE(job_queue::is_linked(b));
}
