#include "http/open_metrics.hpp"
#include "test/catch.hpp"

#include <cmath>
#include <limits>

using namespace troupe::http;

TEST_CASE("open metrics: families, endings and units", "[http]") {
  metrics_writer w;
  w.family("a_bytes", metric_type::counter, "one \\ \"two\"\nthree", "bytes");
  w.sample({{"k", "v"}, {"l", ""}}, 18446744073709551615u);
  w.family("b", metric_type::gauge, "b");
  w.sample(-1);
  w.family("c", metric_type::info, "c");
  w.sample({{"x", "y"}}, 1);
  CHECK(w.finish() == "# TYPE a_bytes counter\n"
                      "# UNIT a_bytes bytes\n"
                      "# HELP a_bytes one \\\\ \\\"two\\\"\\nthree\n"
                      "a_bytes_total{k=\"v\",l=\"\"} 18446744073709551615\n"
                      "# TYPE b gauge\n# HELP b b\nb -1\n"
                      "# TYPE c info\n# HELP c c\nc_info{x=\"y\"} 1\n"
                      "# EOF\n");
}

TEST_CASE("open metrics: label values cannot break out", "[http]") {
  metrics_writer w;
  w.family("a", metric_type::gauge, "a");
  w.sample({{"k", "\"} 1\na 2\\\xff"}}, 1);
  CHECK(w.finish() == "# TYPE a gauge\n# HELP a a\na{k=\"\\\"} 1\\na 2\\\\\xEF\xBF\xBD\"} 1\n# EOF\n");
}

TEST_CASE("open metrics: floating-point numbers keep their value", "[http]") {
  metrics_writer w;
  w.family("a", metric_type::gauge, "a");
  w.sample(0.1);
  w.sample(std::nan(""));
  w.sample(-std::numeric_limits<double>::infinity());
  CHECK(w.finish() == "# TYPE a gauge\n# HELP a a\na 0.1\na NaN\na -Inf\n# EOF\n");
}
