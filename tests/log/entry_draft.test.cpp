#include <catch2_any.hpp>
#include <hotline/log/entry_draft.hpp>

#include <cstddef>
#include <string>
#include <string_view>

using namespace hotline;

namespace {

std::string written(const detail::entry_draft& draft) {
  std::string text;
  for (const std::string_view part : draft.parts()) text += part;
  return text;
}

}  // namespace

TEST_CASE("a draft is the finished frame of a record with its number", "[entry_draft]") {
  const std::string head = R"({"event_type":"said","seq":)";
  const log_record record{head, "}", std::string_view(head).substr(15, 4)};
  const detail::entry_draft draft(record, 1234);

  const std::string text = written(draft);
  const std::string payload = R"({"event_type":"said","seq":1234})";
  CHECK(draft.size == text.size());
  CHECK(text.substr(2) == payload);
  CHECK(static_cast<unsigned char>(text[0]) == 0x81);  // RFC 6455 section 5.2: FIN, text
  CHECK(static_cast<unsigned char>(text[1]) == payload.size());
  CHECK(text.substr(draft.type_begin(), 4) == "said");
}

TEST_CASE("a draft's header grows with its payload", "[entry_draft]") {
  const std::string head(200, 'x');
  const log_record record{head, "", std::string_view(head).substr(10, 5)};
  const detail::entry_draft draft(record, 18446744073709551615U);

  const std::string text = written(draft);
  constexpr std::size_t header = 4;  // two bytes, and the length in two more
  CHECK(draft.size == header + 200 + 20);
  CHECK(text.size() == draft.size);
  CHECK(draft.type_begin() == header + 10);
  CHECK(text.substr(header + 200) == "18446744073709551615");
}
