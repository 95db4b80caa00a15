#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "common/schema_for_test.h"

namespace kiln {

std::string schema_misfit(const std::string& file, const std::string& text) {
  std::ifstream stream(std::string(KILN_SOURCE_DIR "/") + file);
  const std::string schema_text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  const boost::json::value schema_document = boost::json::parse(schema_text);
  valijson::Schema schema;
  valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
  const valijson::adapters::BoostJsonAdapter schema_adapter(schema_document);
  parser.populateSchema(schema_adapter, schema);
  const boost::json::value document = boost::json::parse(text);
  const valijson::adapters::BoostJsonAdapter adapter(document);
  valijson::Validator validator;
  valijson::ValidationResults results;
  if (validator.validate(schema, adapter, &results)) return {};
  valijson::ValidationResults::Error error;
  std::string all;
  while (results.popError(error)) {
    for (const auto& part : error.context) all += part;
    all += ": " + error.description + "; ";
  }
  return all.empty() ? "does not fit" : all;
}

TEST(SchemaMisfit, TellsWhatDoesNotFit) {
  for (const char* schema : {"reports/json/report.schema.json", "reports/quality/quality.schema.json"}) {
    EXPECT_NE(schema_misfit(schema, "{}"), "") << schema;
    EXPECT_NE(schema_misfit(schema, "[1]"), "") << schema;
  }
}

}  // namespace kiln
