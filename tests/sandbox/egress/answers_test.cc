// What is read of the answers of models as they pass.
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "sandbox/egress/http_answer.h"

using namespace ringfence;
using namespace ringfence::sandbox;

namespace {

std::optional<StatedUsage> read(StatedUsageReader::Form form, std::string_view text) {
  StatedUsageReader reader(form);
  for (const char c : text) reader.take({&c, 1});
  return reader.stated();
}

std::optional<StatedUsage> document(std::string_view text) { return read(StatedUsageReader::Form::kDocuments, text); }
std::optional<StatedUsage> events(std::string_view text) { return read(StatedUsageReader::Form::kEvents, text); }

std::string answer(const std::string& head, const std::string& body) {
  return "HTTP/1.1 200 OK\r\n" + head + "\r\n\r\n" + body;
}

std::vector<ModelAnswers> countsOf(const std::string& bytes, std::size_t step = 4096) {
  HttpAnswerReader reader;
  AnswerCounts counts;
  for (std::size_t at = 0; at < bytes.size(); at += step) reader.take(std::string_view(bytes).substr(at, step), counts);
  reader.finish(counts);
  return counts.take();
}

const std::string kBody = R"({"model":"m","usage":{"prompt_tokens":7,"completion_tokens":2}})";
const std::string kLength = "Content-Type: application/json\r\nContent-Length: " + std::to_string(kBody.size());

}  // namespace

TEST_CASE("the usage that an answer states is read in each of the known forms") {
  CHECK(document(R"({"model":"gpt","choices":[{"message":{"content":"hi"}}],
                     "usage":{"prompt_tokens":12,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":9}}})") ==
        StatedUsage{"gpt", 12, 3});
  CHECK(document(R"({"type":"message","model":"claude","usage":{"input_tokens":25,"output_tokens":15}})") ==
        StatedUsage{"claude", 25, 15});
  CHECK(document(R"({"modelVersion":"gemini","usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":6}})") ==
        StatedUsage{"gemini", 4, 6});
  CHECK(document("{\"model\":\"qwen\",\"done\":false}\n"
                 "{\"model\":\"qwen\",\"done\":true,\"prompt_eval_count\":26,\"eval_count\":298}\n") ==
        StatedUsage{"qwen", 26, 298});
  CHECK(document(R"([{"modelVersion":"gemini","usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":1}},
                     {"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":6}}])") ==
        StatedUsage{"gemini", 4, 6});
  // Other than everywhere else, what it thought is not in what it said.
  CHECK(document(R"({"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":6,"thoughtsTokenCount":5,
                                      "totalTokenCount":15}})") == StatedUsage{"", 4, 11});
  CHECK(document(R"({"usage":{"prompt_tokens":4,"completion_tokens":6,"thoughtsTokenCount":5}})") ==
        StatedUsage{"", 4, 6});
  CHECK_FALSE(document(R"([[{"usage":{"prompt_tokens":5}}]])"));
}

TEST_CASE("of an answer that comes in events the last count of each kind is what was used") {
  CHECK(
      events(
          "event: message_start\n"
          R"(data: {"type":"message_start","message":{"model":"claude","usage":{"input_tokens":25,"output_tokens":1}}})"
          "\n\n"
          R"(data: {"type":"message_delta","usage":{"output_tokens":15}})"
          "\n\n") == StatedUsage{"claude", 25, 15});
  CHECK(
      events("data: {\"model\":\"gpt\",\"choices\":[{}],\"usage\":null}\r\n\r\n"
             "data: {\"model\":\"gpt\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":9}}\r\n\r\n"
             "data: [DONE]\r\n") == StatedUsage{"gpt", 5, 9});
  CHECK(
      events(
          R"(data: {"type":"response.completed","response":{"model":"o","usage":{"input_tokens":3,"output_tokens":4}}})"
          "\n") == StatedUsage{"o", 3, 4});
}

TEST_CASE("what a model writes about usage is no usage") {
  CHECK_FALSE(document(R"({"choices":[{"message":{"content":"{\"usage\":{\"prompt_tokens\":5}}"}}]})"));
  CHECK_FALSE(document(R"({"choices":[{"usage":{"prompt_tokens":5}}]})"));
  CHECK_FALSE(document(R"({"a":{"message":{"usage":{"input_tokens":5}}}})"));
  CHECK_FALSE(events("event: {\"usage\":{\"input_tokens\":5}}\n\n"));
}

TEST_CASE("counts that are none, and documents that are none, state nothing") {
  CHECK_FALSE(document(R"({"usage":{"prompt_tokens":-5,"completion_tokens":"7"}})"));
  CHECK_FALSE(document(R"({"usage":{"prompt_tokens":99999999999999999999999}})"));
  CHECK_FALSE(document(R"({"usage":{"prompt_tokens":1e9}})"));
  CHECK_FALSE(document("}}}{\"usage\":{\"prompt_tokens\":5}}"));
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "{\"a\":";
  CHECK_FALSE(document(deep + R"({"usage":{"prompt_tokens":5}})"));
  CHECK(document("{\"usage\":{\"prompt_tokens\":5},\"model\":\"" + std::string(500, 'x') + "\"}") ==
        StatedUsage{"", 5, 0});
}

TEST_CASE("answers are found on a connection wherever the bytes are cut") {
  const std::string chunked =
      answer("Content-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked",
             "5\r\n" + kBody.substr(0, 5) + "\r\n" + "3a\r\n" + kBody.substr(5) + "\r\n0\r\n\r\n");
  REQUIRE(kBody.size() - 5 == 0x3a);
  const std::string all = "HTTP/1.1 100 Continue\r\n\r\n" + answer(kLength, kBody) + "HTTP/1.1 204 No Content\r\n\r\n" +
                          chunked + answer("Content-Type: application/json", kBody);  // to the end
  for (const std::size_t step : {1, 2, 3, 7, 4096})
    CHECK(countsOf(all, step) == std::vector<ModelAnswers>{{"m", 3, 21, 6}});
}

TEST_CASE("the answer to a HEAD, which tells of a body that does not come, hides none of those behind it") {
  const std::string head = answer("Content-Type: text/plain\r\nContent-Length: 17", "");
  const std::string chunked = answer("Content-Type: application/json\r\nTransfer-Encoding: chunked", "");
  const std::string all = head + answer(kLength, kBody) + chunked + answer(kLength, kBody);
  for (const std::size_t step : {1, 2, 3, 7, 4096})
    CHECK(countsOf(all, step) == std::vector<ModelAnswers>{{"m", 2, 14, 4}});
}

TEST_CASE("a body that begins as an answer does, and goes on otherwise, is a body") {
  const std::string begun = answer("Content-Type: text/plain\r\nContent-Length: 9", "HTTP/1,.0");
  const std::string brief = answer("Content-Type: text/plain\r\nContent-Length: 1", "H");
  for (const std::size_t step : {1, 2, 3, 7, 4096})
    CHECK(countsOf(begun + brief + answer(kLength, kBody), step) == std::vector<ModelAnswers>{{"m", 1, 7, 2}});
}

TEST_CASE("answers that cannot be read are unknown: compressed, refused, of another type, or of another protocol") {
  CHECK(countsOf(answer(kLength + "\r\nContent-Encoding: gzip", kBody)).empty());
  CHECK(countsOf("HTTP/1.1 429 Too Many Requests\r\n" + kLength + "\r\n\r\n" + kBody).empty());
  CHECK(countsOf(answer("Content-Type: text/plain", kBody)).empty());
  CHECK(countsOf("HTTP/1.1 101 Switching Protocols\r\n\r\n" + answer(kLength, kBody)).empty());
  CHECK(countsOf("\x16\x03\x01" + answer(kLength, kBody)).empty());
  CHECK(countsOf(answer("Content-Type: application/json\r\nTransfer-Encoding: chunked", "zz\r\n" + kBody)).empty());
  CHECK(countsOf("HTTP/1.1 200 OK\r\n" + std::string(20'000, 'a')).empty());
}

TEST_CASE("a server that makes up many names of models is counted under none") {
  AnswerCounts counts;
  for (int i = 0; i < 1000; ++i) counts.add({"m" + std::to_string(i), 1, 1});
  const auto all = counts.take();
  CHECK(all.size() <= 16);
  std::uint64_t answers = 0;
  for (const ModelAnswers& one : all) answers += one.answers;
  CHECK(answers == 1000);
  CHECK(counts.empty());
}

TEST_CASE("answers are told as soon as they are over while few are, and twice a second where they come without end") {
  AnswerPace pace;
  std::int64_t now = 1'000'000;
  int told = 0;
  for (int i = 0; i < 10; ++i) told += pace.take(now) ? 1 : 0;
  CHECK(told == 10);
  for (int i = 0; i < 60'000; ++i, ++now) told += pace.take(now) ? 1 : 0;
  CHECK(told >= 120);
  CHECK(told <= 145);
  // As many at once again after a rest.
  now += 60'000;
  for (int i = 0; i < 10; ++i) CHECK(pace.take(now));
}
