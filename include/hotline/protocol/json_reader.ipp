#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Reads JSON with RapidJSON's reader. No I/O here.

#include <hotline/protocol/json_reader.hpp>

#include <hotline/protocol/json_number.hpp>
#include <hotline/protocol/real_from_chars.hpp>
#include <hotline/utf8.hpp>

#include <rapidjson/allocators.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline {

namespace detail {

/// The stream that RapidJSON's reader reads. The reader writes strings, without their escapes, as if over the text. In
/// truth the text stays as it is: written characters are appended to `unescaped`, or dropped when that is null. The
/// reader reports each string by its place and its length in the text.
class json_stream {
 public:
  using Ch = char;

  /// A NUL ends the text.
  json_stream(const char* text, std::string* unescaped) noexcept : begin_(text), at_(text), unescaped_(unescaped) {}

  // The reader takes the NUL behind the text for its end, and never takes it.
  [[nodiscard]] Ch Peek() const noexcept { return *at_; }
  Ch Take() noexcept { return *at_++; }
  [[nodiscard]] std::size_t Tell() const noexcept { return static_cast<std::size_t>(at_ - begin_); }

  [[nodiscard]] Ch* PutBegin() const noexcept { return const_cast<Ch*>(at_); }  // which nobody writes to
  void Put(Ch c) {
    if (unescaped_ != nullptr) unescaped_->push_back(c);
  }
  [[nodiscard]] std::size_t PutEnd(const Ch* begin) const noexcept { return static_cast<std::size_t>(at_ - begin); }
  void Flush() noexcept {}

 private:
  const char* begin_;
  const char* at_;
  std::string* unescaped_;
};

}  // namespace detail

}  // namespace hotline

/// Strings and numbers are read through a copy, whose members the compiler keeps in registers.
template <>
struct rapidjson::StreamTraits<hotline::detail::json_stream> {
  enum { copyOptimization = 1 };
};

namespace hotline {

namespace detail {

/// The allocator of RapidJSON's reader. The reader does not look whether there was memory.
class json_allocator : public rapidjson::CrtAllocator {
 public:
  void* Malloc(std::size_t size) { return had(CrtAllocator::Malloc(size), size); }
  void* Realloc(void* p, std::size_t old_size, std::size_t size) {
    return had(CrtAllocator::Realloc(p, old_size, size), size);
  }

 private:
  static void* had(void* p, std::size_t size) {
    if (p == nullptr && size > 0) throw std::bad_alloc();
    return p;
  }
};

/// Takes what RapidJSON's reader finds and lays it down as nodes. Answers false to stop the reader at once.
class json_builder {
 public:
  // The guess for the nodes is right for most messages: a value or a name for each four bytes.
  json_builder(std::string_view text, const json_limits& limits)
      : limits_(limits),
        capacity_(std::min<std::size_t>(text.size() / 4 + 1, 64)),
        document_(json_document::make(text, capacity_)),
        reading_(document_->text.data()) {}

  /// From here on `text` is read for what the document has: as long, and different in digits alone.
  void read_instead(const std::string& text) noexcept { reading_ = text.c_str(); }

  [[nodiscard]] result<json> read() {
    // At once for all of the text: the reader would look at each byte by itself, and not past a string.
    if (const std::size_t valid = utf8_valid_front(document_->text); valid < document_->text.size())
      return refused(errc::invalid_json, valid, "text that is not UTF-8");
    // Iterative: the default one recurses, and a hundred thousand brackets end the process. Numbers as text: RapidJSON
    // would make doubles of long integers. In situ: else it copies each string byte by byte.
    constexpr unsigned flags =
        rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseInsituFlag;
    const bool has_escapes = document_->text.find('\\') != std::string_view::npos;
    json_stream stream(reading_, has_escapes ? &document_->unescaped : nullptr);
    // Where the reader notes in what it is; the levels of most texts need no more.
    alignas(std::max_align_t) std::array<char, 512> memory;
    using pool = rapidjson::MemoryPoolAllocator<json_allocator>;
    json_allocator base;
    pool allocator(memory.data(), memory.size(), 1024, &base);
    rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, pool> reader(&allocator);
    const rapidjson::ParseResult parsed = reader.Parse<flags>(stream, *this);
    if (code_ != errc{}) return refused(code_, refused_at_, why_);
    if (parsed.IsError()) {
      const bool big = parsed.Code() == rapidjson::kParseErrorNumberTooBig;
      return refused(big ? errc::json_number_too_big : errc::invalid_json, parsed.Offset(), name_of(parsed.Code()));
    }
    // The reader takes a NUL for the end of the text.
    if (stream.Tell() != document_->text.size()) {
      return refused(errc::invalid_json, stream.Tell(), "text after the value");
    }
    return json(std::move(document_), 0);
  }

  // ------------------------------------------------------------------------------ called by RapidJSON's reader

  bool Null() { return add(json_kind::null, 4); }

  bool Bool(bool value) {
    if (!add(json_kind::boolean, value ? 4 : 5)) return false;
    last().value.boolean = value;
    return true;
  }

  bool RawNumber(const char* number, rapidjson::SizeType size, bool) {
    if (!count_value()) return false;
    const auto begin = static_cast<std::uint32_t>(number - reading_);
    json_node& node = push(json_kind::number, begin, begin + size);
    const char* const first = document_->text.data() + node.begin;
    const char* const end = document_->text.data() + node.end;
    const std::string_view text(first, size);
    node.form = json_form::int64;
    const auto whole = std::from_chars(first, end, node.value.int64);
    if (whole.ptr == end) {  // no point and no exponent: an integer
      if (whole.ec == std::errc{}) return true;
      node.form = json_form::uint64;
      if (text.front() != '-' && std::from_chars(first, end, node.value.uint64).ec == std::errc{}) return true;
      return refuse(errc::json_number_too_big, node.begin, "integer over 64 bits");
    }
    node.form = json_form::real;
    double value = 0;
    if (real_from_chars(first, end, value) != std::errc{}) {
      if (!is_tiny_number(text))
        return refuse(errc::json_number_too_big, node.begin, "number over the range of double");
      value = text.front() == '-' ? -0.0 : 0.0;
    }
    node.value.real = value;
    return true;
  }

  bool String(const char* string, rapidjson::SizeType size, bool) {
    return count_value() && add_string({string, size});
  }

  bool Key(const char* string, rapidjson::SizeType size, bool) { return add_string({string, size}); }

  bool StartObject() { return open(json_kind::object); }
  bool StartArray() { return open(json_kind::array); }

  bool EndObject(rapidjson::SizeType members) {
    const std::uint32_t object = inside_;
    close(members);
    return names_differ(object);
  }

  bool EndArray(rapidjson::SizeType elements) {
    close(elements);
    return true;
  }

  // The reader's interface asks for these; with numbers as text they are never called.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

 private:
  [[nodiscard]] json_node& last() noexcept { return document_->nodes[count_ - 1]; }

  /// Where the token begins that was just read or is about to be: after the one before and what may stand between.
  [[nodiscard]] std::uint32_t next_token() const noexcept {
    const std::string_view text = document_->text;
    std::uint32_t at = after_;
    while (at < text.size() && is_between_tokens(text[at])) ++at;
    return at;
  }

  [[nodiscard]] static bool is_between_tokens(char c) noexcept {
    return c == ',' || c == ':' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
  }

  bool count_value() {
    if (++values_ > limits_.nodes) return refuse(errc::json_too_many_values, next_token(), "too many values");
    return true;
  }

  json_node& push(json_kind kind, std::uint32_t begin, std::uint32_t end) {
    if (count_ == capacity_) grow();
    after_ = end;
    json_node& node = document_->nodes[count_++];
    node = {begin, end, count_, kind, json_form::none, {}};
    return node;
  }

  [[gnu::noinline]] void grow() {
    std::vector<json_node>& many = document_->many;
    const bool is_first = many.empty();
    many.resize(2 * capacity_);
    if (is_first) std::memcpy(many.data(), document_->nodes, count_ * sizeof(json_node));
    document_->nodes = many.data();
    capacity_ = many.size();
  }

  bool add(json_kind kind, std::uint32_t size) {
    if (!count_value()) return false;
    const std::uint32_t begin = next_token();
    push(kind, begin, begin + size);
    return true;
  }

  /// `string` lies in the text, between its quotes.
  bool add_string(std::string_view string) {
    const auto begin = static_cast<std::uint32_t>(string.data() - reading_);
    const auto size = static_cast<std::uint32_t>(string.size());
    json_node& node = push(json_kind::string, begin - 1, begin + size + 1);
    node.form = json_form::in_text;
    node.value.string = {begin, size};
    std::string& unescaped = document_->unescaped;
    if (unescaped.size() == unescaped_) return true;
    unescaped.pop_back();  // the NUL that ends each
    const std::string_view meant = std::string_view(unescaped).substr(unescaped_);
    if (meant.size() == size) {  // every escape is longer than what it stands for
      unescaped.resize(unescaped_);
      return true;
    }
    // RapidJSON 1.1 refuses a lone high surrogate and lets a lone low one pass, as bytes that are not UTF-8.
    for (std::size_t i = 0; i + 1 < meant.size(); ++i) {
      if (static_cast<unsigned char>(meant[i]) == 0xED && static_cast<unsigned char>(meant[i + 1]) >= 0xA0) {
        return refuse(errc::invalid_json, begin - 1, "string with half a surrogate pair");
      }
    }
    node.form = json_form::unescaped;
    node.value.string = {unescaped_, static_cast<std::uint32_t>(meant.size())};
    unescaped_ = static_cast<std::uint32_t>(unescaped.size());
    return true;
  }

  bool open(json_kind kind) {
    if (depth_ >= limits_.depth) return refuse(errc::json_too_deep, next_token(), "nested too deep");
    if (!add(kind, 1)) return false;
    last().next = inside_;  // until it is closed
    inside_ = count_ - 1;
    ++depth_;
    return true;
  }

  void close(std::uint32_t count) {
    json_node& node = document_->nodes[inside_];
    inside_ = node.next;
    --depth_;
    node.end = next_token() + 1;
    node.next = count_;
    node.value.count = count;
    after_ = node.end;
  }

  /// Small objects are compared pair by pair, others sorted: no object makes this quadratic.
  bool names_differ(std::uint32_t object) {
    const json_document& document = *document_;
    const auto name_at = [&](std::uint32_t node) { return document.string_of(document.nodes[node]); };
    const auto after = [&](std::uint32_t name) { return document.nodes[name + 1].next; };
    const std::uint32_t first = object + 1, end = document.nodes[object].next;
    if (document.nodes[object].value.count <= 12) {
      for (std::uint32_t name = first; name != end; name = after(name)) {
        for (std::uint32_t other = first; other != name; other = after(other)) {
          if (name_at(name) == name_at(other)) return refuse_name(name);
        }
      }
      return true;
    }
    names_.clear();
    for (std::uint32_t name = first; name != end; name = after(name)) names_.push_back(name);
    std::sort(names_.begin(), names_.end(), [&](std::uint32_t a, std::uint32_t b) {
      const int order = name_at(a).compare(name_at(b));
      return order != 0 ? order < 0 : a < b;
    });
    const auto twice = std::adjacent_find(names_.begin(), names_.end(),
                                          [&](std::uint32_t a, std::uint32_t b) { return name_at(a) == name_at(b); });
    return twice == names_.end() || refuse_name(twice[1]);
  }

  bool refuse_name(std::uint32_t name) {
    return refuse(errc::json_duplicate_name, document_->nodes[name].begin, "name used before in this object");
  }

  bool refuse(errc code, std::size_t offset, std::string_view why) {
    code_ = code;
    refused_at_ = offset;
    why_ = why;
    return false;
  }

  [[nodiscard]] static failure refused(errc code, std::size_t offset, std::string_view why) {
    return {make_error_code(code), "offset " + std::to_string(offset) + ": " + std::string(why)};
  }

  [[nodiscard]] static std::string_view name_of(rapidjson::ParseErrorCode code) noexcept {
    switch (code) {
      case rapidjson::kParseErrorDocumentEmpty: return "no value";
      case rapidjson::kParseErrorDocumentRootNotSingular: return "text after the value";
      case rapidjson::kParseErrorObjectMissName: return "expected a member's name";
      case rapidjson::kParseErrorObjectMissColon: return "expected ':'";
      case rapidjson::kParseErrorObjectMissCommaOrCurlyBracket: return "expected ',' or '}'";
      case rapidjson::kParseErrorArrayMissCommaOrSquareBracket: return "expected ',' or ']'";
      case rapidjson::kParseErrorStringUnicodeEscapeInvalidHex: return "expected four hex digits";
      case rapidjson::kParseErrorStringUnicodeSurrogateInvalid: return "string with half a surrogate pair";
      case rapidjson::kParseErrorStringEscapeInvalid: return "control character or unknown escape in a string";
      case rapidjson::kParseErrorStringMissQuotationMark: return "string without end";
      case rapidjson::kParseErrorNumberTooBig: return "number out of range";
      case rapidjson::kParseErrorNumberMissFraction: return "expected a digit after '.'";
      case rapidjson::kParseErrorNumberMissExponent: return "expected a digit in the exponent";
      default: return "expected a value";
    }
  }

  json_limits limits_;
  std::size_t capacity_;     ///< for how many nodes there is room
  std::uint32_t count_ = 0;  ///< how many there are
  std::shared_ptr<json_document> document_;
  const char* reading_;               ///< the text that the reader reads: the document's, mostly
  std::size_t depth_ = 0;             ///< how many arrays and objects are open within each other
  std::uint32_t inside_ = 0;          ///< the innermost of them
  std::vector<std::uint32_t> names_;  ///< kept for its memory
  std::uint32_t after_ = 0;           ///< the end of the last token
  std::uint32_t unescaped_ = 0;       ///< how much of the document's `unescaped` is in use
  std::size_t values_ = 0;
  errc code_{};
  std::size_t refused_at_ = 0;
  std::string_view why_;
};

}  // namespace detail

HOTLINE_DETAIL_INLINE result<json> parse_json(std::string_view text, json_limits limits) {
  if (text.size() > std::min<std::size_t>(limits.bytes, std::numeric_limits<std::uint32_t>::max())) {
    return failure{make_error_code(errc::json_too_big), "offset " + std::to_string(limits.bytes) + ": too much text"};
  }
  if (text.size() >= 3 && text[0] == '\xEF' && text[1] == '\xBB' && text[2] == '\xBF') {
    return failure{make_error_code(errc::invalid_json), "offset 0: byte order mark"};
  }
  result<json> read = detail::json_builder(text, limits).read();
  if (!read && read.error().code == errc::json_number_too_big) {
    const std::string plain = detail::with_plain_zeros(text);
    detail::json_builder again(text, limits);
    again.read_instead(plain);
    if (plain != text) read = again.read();
  }
  return read;
}

}  // namespace hotline
#endif
